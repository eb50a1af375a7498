import { decide } from '../../gate/opening/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('gate-opening', decide)
