"""The smallest application that gunicorn can serve: one page, and all else is not found."""


def application(environ, start_response):
    status = "200 OK" if environ["PATH_INFO"] == "/" else "404 Not Found"
    start_response(status, [("Content-Type", "text/plain")])
    return [b"\n"]
