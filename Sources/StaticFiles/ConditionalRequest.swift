// ConditionalRequest: preconditions and ranges of GET and HEAD, in the order of RFC 9110. Pure.
internal import Bytes
internal import HTTP1

/// What the preconditions of a request say.
enum Precondition: Equatable {
  /// Send the file, or the part of it that Range asks for.
  case proceed
  /// 304: the client has it already.
  case notModified
  /// 412: it is not the file that the client means.
  case failed
}

/// When a file changed, against the present: both in seconds since 1970.
struct ModificationTime: Equatable {
  /// Last-Modified, never later than the present (RFC 9110, section 8.8.2.1).
  let seconds: Int64
  /// The present.
  let nowSeconds: Int64

  init(seconds: Int64, nowSeconds: Int64) {
    self.seconds = min(seconds, nowSeconds)
    self.nowSeconds = nowSeconds
  }

  /// Whether the date alone names one version of the file (RFC 9110, section 8.8.2.2).
  ///
  /// A file may change twice in a second, and clocks differ; a minute later that is past. The
  /// minute is the one that httpd waits.
  var isStrong: Bool { seconds <= nowSeconds - 60 }
}

/// The fields of a request that select what is sent of a file, found in one pass.
struct ConditionalRequest {
  /// A field that may stand in a request once.
  private enum Single {
    case absent, repeated
    case once(ByteRange)

    mutating func add(_ value: ByteRange) {
      if case .absent = self { self = .once(value) } else { self = .repeated }
    }
  }

  /// What Accept-Encoding allows.
  private(set) var codings = AcceptedCodings()
  private var hasIfMatch = false
  private var hasIfNoneMatch = false
  private var ifModifiedSince = Single.absent
  private var ifUnmodifiedSince = Single.absent
  private var ifRange = Single.absent
  private var range = Single.absent

  /// Allocates: never.
  init(_ fields: Span<Field>, in head: Span<UInt8>) {
    for index in fields.indices {
      let value = fields[index].value
      switch fields[index].id {
      case .acceptEncoding: codings.add(head.extracting(value.indices))
      case .ifMatch: hasIfMatch = true
      case .ifNoneMatch: hasIfNoneMatch = true
      case .ifModifiedSince: ifModifiedSince.add(value)
      case .ifUnmodifiedSince: ifUnmodifiedSince.add(value)
      case .ifRange: ifRange.add(value)
      case .range: range.add(value)
      default: break
      }
    }
  }

  /// Evaluates steps 1 to 4 of RFC 9110, section 13.2.2. A date that is none, or that stands twice,
  /// counts as absent. Allocates: never.
  func precondition(
    entityTag: Span<UInt8>, modified: ModificationTime, fields: Span<Field>, head: Span<UInt8>
  ) -> Precondition {
    if hasIfMatch {
      guard Self.covers(.ifMatch, entityTag, fields, head, allowsWeak: false) else {
        return .failed
      }
    } else if let date = date(ifUnmodifiedSince, head, modified), modified.seconds > date {
      return .failed
    }
    if hasIfNoneMatch {
      let isKnown = Self.covers(.ifNoneMatch, entityTag, fields, head, allowsWeak: true)
      return isKnown ? .notModified : .proceed
    }
    if let date = date(ifModifiedSince, head, modified), modified.seconds <= date {
      return .notModified
    }
    return .proceed
  }

  /// Evaluates step 5, for GET: the part to send. Allocates: never.
  func part(
    ofBytes sizeBytes: Int64, entityTag: Span<UInt8>, modified: ModificationTime,
    head: Span<UInt8>
  ) -> RangeRequest {
    guard case .once(let value) = range, rangeApplies(entityTag, modified, head) else {
      return .whole
    }
    return RangeRequest(head.extracting(value.indices), sizeBytes: sizeBytes)
  }

  /// Whether If-Range (RFC 9110, section 13.1.5) is absent or names exactly this version.
  private func rangeApplies(
    _ entityTag: Span<UInt8>, _ modified: ModificationTime, _ head: Span<UInt8>
  ) -> Bool {
    switch ifRange {
    case .absent: return true
    case .repeated: return false
    case .once(let place):
      let value = head.extracting(place.indices)
      if value.count > 0, value[value.count - 1] == UInt8(ascii: "\"") {
        return EntityTag.equal(value, entityTag)
      }
      return modified.isStrong
        && HTTPDate.parse(value, nowSeconds: modified.nowSeconds) == modified.seconds
    }
  }

  private func date(
    _ field: Single, _ head: Span<UInt8>, _ modified: ModificationTime
  ) -> Int64? {
    guard case .once(let value) = field else { return nil }
    return HTTPDate.parse(head.extracting(value.indices), nowSeconds: modified.nowSeconds)
  }

  private static func covers(
    _ name: FieldName, _ entityTag: Span<UInt8>, _ fields: Span<Field>, _ head: Span<UInt8>,
    allowsWeak: Bool
  ) -> Bool {
    for index in fields.indices where fields[index].id == name {
      let list = head.extracting(fields[index].value.indices)
      if EntityTag.list(list, covers: entityTag, allowsWeak: allowsWeak) { return true }
    }
    return false
  }
}

extension ByteRange {
  /// The range as indices of the bytes it points into.
  var indices: Range<Int> { Int(offset)..<Int(offset) + Int(count) }
}
