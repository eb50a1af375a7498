import { decide } from '../../gate/held/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('gate-held', decide)
