import { decide } from '../../lifecycle/app/decide.ts'
import { goldenCases } from './golden.ts'

goldenCases('app', decide)
