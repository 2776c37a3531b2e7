internal import HTTP1
