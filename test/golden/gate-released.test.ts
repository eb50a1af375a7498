import { decide } from '../../gate/released/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('gate-released', decide)
