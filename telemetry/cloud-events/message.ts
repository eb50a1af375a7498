/**
 * A CloudEvent as the headers and the body of a request.
 *
 * Loaded once there is something to send: nobody who sends none carries the library.
 *
 * @module
 */
import { CloudEvent, HTTP, type CloudEventV1 } from 'cloudevents'

/** What is posted. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Puts an event into a request: `binary` in headers and body, `structured` in the body alone. */
export const messageOf = (event: CloudEventV1<unknown>, mode: 'binary' | 'structured'): Message => {
  const { headers, body } = HTTP[mode](new CloudEvent(event))
  return { headers: headers as Message['headers'], body: body as string }
}
