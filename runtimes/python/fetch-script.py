"""Fetches the script that SCRIPT names and becomes the Python that runs it.

    fetch-script.py [--sha256=DIGEST] [--allow=RANGES] [--refuse=RANGES] -- ARGUMENTS OF PYTHON

The script is read from standard input, as in Keptn, and never lies in a file. It fails with one line on standard error and
exit code 126.

Twin of `runtimes/deno/fetch-script.ts`: the same limits, the same words.
"""

import hashlib
import os
import random
import signal
import socket
import sys
import time
from types import FrameType
from typing import NoReturn, Optional
from urllib.parse import urljoin, urlsplit

import requests

# Python is started without the folder of its program on its path: a script's own modules must not be found.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from addresses import refusal_of  # noqa: E402

DEADLINE_SECONDS = 30
ATTEMPT_SECONDS = 10
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8
MAX_BYTES = 1024 * 1024
MAX_REDIRECTS = 5
# What shells say of a program that was found and cannot be run.
EXIT_CODE = 126

REDIRECTS = (301, 302, 303, 307, 308)


class FetchError(Exception):
    """The code cannot be had; `may_pass`: another try may get it."""

    def __init__(self, message: str, may_pass: bool = False, retry_after: float = 0):
        super().__init__(message)
        self.may_pass = may_pass
        self.retry_after = retry_after


class TimeIsUp(BaseException):
    """An attempt took too long. Not an `Exception`: nobody on the way may catch it."""


def shown(text: str) -> str:
    """A URL without what may be secret in it."""
    try:
        url = urlsplit(text)
        port = "" if url.port is None else f":{url.port}"
    except ValueError:
        return text
    if not url.hostname:
        return text
    return f"{url.scheme}://{url.hostname}{port}{url.path}"


def give_up(verb: str, text: str, problem: str) -> NoReturn:
    line = " ".join(f'Cannot {verb} "{shown(text)}": {problem}'.split())
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
    # Whoever stops the task may do it in the middle of anything.
    os._exit(EXIT_CODE)


def checked(text: str) -> str:
    try:
        url = urlsplit(text)
        is_complete = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        is_complete = False
    if not is_complete and not text.lower().startswith(("file:", "data:")):
        raise FetchError("it is not a URL")
    scheme = text.split(":", 1)[0].lower()
    if scheme not in ("http", "https"):
        raise FetchError(f'it leads to "{scheme}:", which is not http or https')
    return text


def last_words(error: BaseException) -> str:
    """What broke a request, in the words of the system if it has any."""
    words = "the connection broke"
    seen: Optional[BaseException] = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            words = seen.strerror
        reason = getattr(seen, "reason", None)
        arguments = [each for each in seen.args if isinstance(each, BaseException)]
        inner = reason if isinstance(reason, BaseException) else next(iter(arguments), None)
        seen = inner or seen.__cause__ or seen.__context__
    return words


def tls_words(error: BaseException) -> str:
    words = str(error)
    for start in ("certificate verify failed: ", "[SSL: "):
        if start in words:
            found = words.split(start, 1)[1]
            return found.split(" (_ssl", 1)[0].split("]", 1)[-1].strip()
    return words


def refusal(answer: requests.Response) -> FetchError:
    status = answer.status_code
    if status in (404, 410):
        return FetchError(f"it is not there ({status})")
    if status in (401, 403):
        return FetchError(f"the server does not allow it ({status})")
    retry_after = answer.headers.get("retry-after", "")
    return FetchError(
        f"the server answers {status}",
        may_pass=status == 429 or status >= 500,
        retry_after=int(retry_after) if retry_after.isdecimal() else 0,
    )


def read(answer: requests.Response) -> bytes:
    code = bytearray()
    for chunk in answer.iter_content(65536):
        code += chunk
        if len(code) > MAX_BYTES:
            raise FetchError("it is larger than 1 MiB")
    told = answer.headers.get("content-length", "")
    is_as_sent = "content-encoding" not in answer.headers
    if is_as_sent and told.isdecimal() and len(code) < int(told):
        raise FetchError("the connection broke", may_pass=True)
    return bytes(code)


def follow(session: requests.Session, url: str) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        with session.get(
            url,
            stream=True,
            allow_redirects=False,
            timeout=ATTEMPT_SECONDS,
            headers={"accept-encoding": "identity"},
        ) as answer:
            location = answer.headers.get("location")
            if answer.status_code in REDIRECTS and location is not None:
                target = checked(urljoin(url, location))
                if url.lower().startswith("https:") and target.lower().startswith("http:"):
                    raise FetchError("a redirect leads from https to http")
                url = target
            elif answer.status_code == 200:
                return read(answer)
            else:
                raise refusal(answer)
    raise FetchError(f"it is behind more than {MAX_REDIRECTS} redirects")


def guard_connections(allowed: "list[str]", refused: "list[str]") -> None:
    """From here on no name and no address leads to where code is not fetched from.

    Whoever connects asks for the addresses of a name once, and takes one of those: what was checked is what is used.
    """
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    try:
        refusal_for = refusal_of(allowed, refused, [host] if host else [])
    except ValueError as error:
        raise FetchError(f"the KeptnConfig cannot be followed: {error}") from None
    resolve = socket.getaddrinfo

    def resolve_checked(*args, **options):
        found = resolve(*args, **options)
        for *_, address in found:
            reason = refusal_for(address[0])
            if reason is not None:
                raise FetchError(reason)
        return found

    socket.getaddrinfo = resolve_checked


def fetch_once(url: str, time_left: float) -> bytes:
    def ring(_number: int, _frame: Optional[FrameType]) -> NoReturn:
        raise TimeIsUp

    # A limit of requests is one for each piece of the answer: somebody slow could go on for ever.
    signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(0.001, min(ATTEMPT_SECONDS, time_left)))
        with requests.Session() as session:
            return follow(session, url)
    except (TimeIsUp, requests.Timeout):
        raise FetchError(f"no answer within {ATTEMPT_SECONDS} seconds", may_pass=True) from None
    except requests.exceptions.SSLError as error:
        raise FetchError(f"TLS: {tls_words(error)}") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise FetchError(last_words(error), may_pass=True) from None
    except requests.RequestException as error:
        raise FetchError(str(error)) from None
    finally:
        # A timer would outlive this program, and end the script.
        signal.setitimer(signal.ITIMER_REAL, 0)


# What to say when somebody stops the task.
trouble = "no answer yet"


def fetch_patiently(url: str) -> bytes:
    global trouble
    end = time.monotonic() + DEADLINE_SECONDS
    tries = 0
    while True:
        try:
            return fetch_once(url, end - time.monotonic())
        except FetchError as error:
            if not error.may_pass:
                raise
            tries += 1
            trouble = f"{error}; tried {'once' if tries == 1 else f'{tries} times'}"
            # Many pods may have begun at once: they come back at different moments.
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (tries - 1), LONGEST_PAUSE_SECONDS)
            wait = max(pause * (1 + random.random() / 4), error.retry_after)
            if time.monotonic() + wait >= end:
                raise FetchError(trouble) from None
            time.sleep(wait)


def check_text(code: bytes) -> None:
    try:
        text = code.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FetchError("it is not text in UTF-8") from None
    if "\0" in text:
        raise FetchError("it is not text in UTF-8")
    if text.strip() == "":
        raise FetchError("it is empty")
    if text.lstrip().startswith("<"):
        raise FetchError("it is a web page, not a script")


def become_python(code: bytes, arguments: "list[str]") -> NoReturn:
    """Leaves nothing behind that the script could see: same process, same environment."""
    memory = os.memfd_create("script")
    os.write(memory, code)
    os.lseek(memory, 0, os.SEEK_SET)
    os.dup2(memory, 0)
    os.execvp("python3", ["python3", "-u", *arguments, "-"])


def main() -> NoReturn:
    url = os.environ.get("SCRIPT", "")
    options = [option.split("=", 1) for option in sys.argv[1 : sys.argv.index("--")]]
    arguments = sys.argv[sys.argv.index("--") + 1 :]
    signal.signal(
        signal.SIGTERM, lambda _number, _frame: give_up("fetch", url, f"stopped: {trouble}")
    )

    def values(name: str) -> "list[str]":
        return [value for option, texts in options if option == name for value in texts.split(",")]

    try:
        guard_connections(values("--allow"), values("--refuse"))
        code = fetch_patiently(checked(url))
        digest = hashlib.sha256(code).hexdigest()
        for wanted in values("--sha256"):
            if wanted != digest:
                give_up("run", url, f"its SHA-256 is {digest}, and the definition wants {wanted}")
        check_text(code)
    except FetchError as error:
        give_up("fetch", url, str(error))
    become_python(code, arguments)


main()
