// Refusal: why a request is refused, and with which status. Pure.

/// A request that is not carried out: the status to answer and one sentence for the log.
public struct Refusal: Error, Equatable {
  /// Status code of the answer (RFC 9110, section 15); the connection closes after it.
  public var status: Int
  /// What was wrong, for the error log and the body of the answer; holds nothing of the request.
  public var reason: Reason

  /// Pairs a status with its reason.
  public init(_ status: Int, _ reason: Reason) {
    self.status = status
    self.reason = reason
  }

  /// What was wrong. The sentence for each is ``sentence``.
  public enum Reason: UInt8, CaseIterable, Sendable {
    case badRequestLine
  }
}
