import { decide } from '../../lifecycle/app-version/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('app-version', decide)
