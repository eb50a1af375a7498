import { decide } from '../../lifecycle/app-discovery/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('app-discovery', decide)
