// Exchange+Pages: answers of the server itself: error pages and static files. Assembly.
internal import Bytes
internal import HTTP1
internal import Platform
internal import StaticFiles

extension Exchange {
  /// Answers with the standard page of `status`, and one more field line (without its end).
  func respond(status: Int, field: StaticString = "") {
    beginHead(status: status)
    if field.utf8CodeUnitCount > 0 {
      writer.append(field)
      writer.append("\r\n")
    }
    finishWithPage()
  }

  /// Answers that the server is too busy, and when to come again.
  func respondOverdue(retryAfterSeconds: Int64) {
    beginHead(status: 503)
    writer.append("Retry-After: ")
    writer.append(decimal: retryAfterSeconds)
    writer.append("\r\n")
    finishWithPage()
  }

  /// Answers without a body, with one field line (without its end).
  func respondEmpty(status: Int, field: StaticString) {
    beginHead(status: status)
    writer.append(field)
    writer.append("\r\n")
    finish()
  }

  /// Answers with a file, a redirection or an error of `site`.
  func respond(from site: StaticSite, mount: Int) {
    // The status is known only afterwards, so the status line is put before the fields then.
    var response = unsafe site.respond(
      mount: mount, head: head,
      headBytes: UnsafeBufferPointer(start: headBytes, count: head.length), fields: fields,
      nowSeconds: Clock.realSeconds(), into: &owner.staticFields)
    beginHead(status: response.status)
    unsafe writer.append(copying: owner.staticFields.written)
    unsafe owner.staticFields.truncate(to: 0)
    guard response.contentLength >= 0 else {
      finishWithPage()
      return
    }
    declaredLength = response.contentLength
    if let file = response.file.take(), sendsBody {
      _ = finish(file: file.number, offset: response.offset, count: response.contentLength)
    } else {
      finish()
    }
  }

  func beginHead(status: Int) {
    let reason = ReasonPhrase.of(status)
    unsafe beginHead(
      status: status,
      reason: UnsafeBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount))
  }

  /// Ends a response whose head is open with the standard page of its status.
  private func finishWithPage() {
    writer.append("Content-Type: text/html; charset=utf-8\r\n")
    declaredLength = Int64(ErrorPage.length(status: status))
    completeHead(length: declaredLength)
    let sendsPage = framing == .length || framing == .frames
    if isLane { beginFrame(sendsPage ? Int(declaredLength) : 0, isLast: true) }
    if sendsPage {
      ErrorPage.append(status: status, into: &writer)
      bodyBytesSent = declaredLength
    }
    unsafe conclude(pushHead(), owner: nil)
  }
}
