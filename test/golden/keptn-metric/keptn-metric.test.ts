import { decide } from '../../../metrics/keptn-metric/decide.ts'
import { goldenCases } from '../golden.ts'

goldenCases('keptn-metric', decide)
