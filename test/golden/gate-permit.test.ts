import { decide } from '../../gate/permit/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('gate-permit', decide)
