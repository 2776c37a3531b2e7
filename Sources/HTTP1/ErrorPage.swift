// ErrorPage: the body of an answer that the server gives itself. Pure.
public import Bytes

/// A small HTML page with the status and one sentence; its length is known before it is written.
public enum ErrorPage {
  /// Content-Type of the page.
  public static var contentType: StaticString { "text/html; charset=utf-8" }

  /// Bytes of the page for `status`.
  public static func length(status: Int) -> Int {
    let title = 4 + ReasonPhrase.of(status).utf8CodeUnitCount
    return opening.utf8CodeUnitCount + title + middle.utf8CodeUnitCount + title
      + sentenceStart.utf8CodeUnitCount + sentence(status).utf8CodeUnitCount
      + closing.utf8CodeUnitCount
  }

  /// Appends the page for `status`, 100...999. Allocates: never.
  public static func append(status: Int, into writer: inout ByteWriter) {
    writer.append(opening)
    appendTitle(status, &writer)
    writer.append(middle)
    appendTitle(status, &writer)
    writer.append(sentenceStart)
    writer.append(sentence(status))
    writer.append(closing)
  }

  private static func appendTitle(_ status: Int, _ writer: inout ByteWriter) {
    writer.append(decimal: Int64(status))
    writer.append(ASCII.space)
    writer.append(ReasonPhrase.of(status))
  }

  private static var opening: StaticString {
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>"
  }
  private static var middle: StaticString { "</title></head>\n<body>\n<h1>" }
  private static var sentenceStart: StaticString { "</h1>\n<p>" }
  private static var closing: StaticString { "</p>\n</body>\n</html>\n" }

  /// What the page says; nothing about the inside of the server.
  private static func sentence(_ status: Int) -> StaticString {
    switch status {
    case 400: "The request is not valid, so it was not carried out."
    case 401: "This page needs a user name and a password."
    case 403: "This page may not be read."
    case 404: "There is nothing at this address."
    case 405: "This address does not support the method of the request."
    case 408: "The request did not arrive in time."
    case 410: "What was at this address is gone."
    case 411: "The request needs a Content-Length."
    case 412: "A condition in the request does not hold."
    case 413: "The body of the request is too large."
    case 414: "The address is too long."
    case 416: "The requested range lies outside the document."
    case 417: "The request expects something that is not supported."
    case 429: "Too many requests came in a short time; try again later."
    case 431: "The header fields of the request are too large."
    case 500: "The server could not answer because of an error; the error log says more."
    case 501: "The request needs something that the server does not support."
    case 502: "The server got no valid answer from the application."
    case 503: "The server is too busy or is restarting; try again in a moment."
    case 504: "The application did not answer in time."
    case 505: "This version of HTTP is not supported."
    case 400...499: "The request cannot be carried out."
    default: "The request could not be carried out."
    }
  }
}
