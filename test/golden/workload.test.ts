import { decide } from '../../lifecycle/workload/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('workload', decide)
