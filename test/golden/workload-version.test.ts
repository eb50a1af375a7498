import { decide } from '../../lifecycle/workload-version/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('workload-version', decide)
