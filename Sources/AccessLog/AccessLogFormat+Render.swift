// AccessLogFormat+Render: one line for one answered request. Pure. Hot path.
public import Bytes
internal import HTTP1

extension AccessLogFormat {
  /// Appends one line, its newline included, to `writer`.
  ///
  /// Every byte that came from a client is escaped as httpd does. Where the line does not fit, the
  /// writer has overflowed and holds a part of it: truncate it to where it stood. Any thread.
  /// Allocates: never.
  public func render(_ record: borrowing AccessRecord, into writer: inout ByteWriter) {
    let items = self.items
    var index = 0
    while index < items.count {
      let item = items[index]
      index &+= 1
      switch item {
      case .literal(let slice): append(slice, to: &writer)
      case .condition(let listed, let isNegated, let skip):
        if contains(record.status, in: listed) == isNegated {
          writer.append(UInt8(ascii: "-"))
          index &+= skip
        }
      case .requestField(let name): renderRequestField(name, record, &writer)
      case .responseField(let name): renderResponseField(name, record, &writer)
      case .text(let text): render(text, record, &writer)
      case .number(let number): render(number, record, &writer)
      case .time(let time, let ofEnd): render(time, ofEnd: ofEnd, record, &writer)
      }
    }
  }

  private func append(_ slice: ByteSlice, to writer: inout ByteWriter) {
    unsafe bytes.withUnsafeBufferPointer { bytes in
      let literal = unsafe bytes[slice.offset..<slice.offset &+ slice.count]
      unsafe writer.append(copying: UnsafeBufferPointer(rebasing: literal))
    }
  }

  private func contains(_ status: Int, in listed: ByteSlice) -> Bool {
    let statuses = self.statuses
    for index in listed.offset..<listed.offset &+ listed.count
    where Int(statuses[index]) == status {
      return true
    }
    return false
  }

  // MARK: numbers

  private func render(
    _ number: AccessLogNumber, _ record: borrowing AccessRecord, _ writer: inout ByteWriter
  ) {
    let value: Int64
    switch number {
    case .bodyBytes: value = record.bodyBytes
    case .bodyBytesOrDash: value = record.bodyBytes == 0 ? -1 : record.bodyBytes
    case .bytesReceived: value = Self.received(record)
    case .bytesSent: value = record.totalBytes
    case .bytesTransferred: value = Self.received(record) &+ record.totalBytes
    case .durationMicroseconds: value = record.durationMicroseconds
    case .durationMilliseconds: value = record.durationMicroseconds / 1000
    case .durationSeconds: value = record.durationMicroseconds / 1_000_000
    case .keepAliveRequests: value = Int64(record.keepAliveRequests)
    case .localPort: value = Int64(record.localPort)
    case .peerPort: value = Int64(record.peerPort)
    case .processID: value = Int64(record.processID)
    case .status: value = record.status <= 0 ? -1 : Int64(record.status)
    }
    if value < 0 {
      writer.append(UInt8(ascii: "-"))
    } else {
      writer.append(decimal: value)
    }
  }

  private static func received(_ record: borrowing AccessRecord) -> Int64 {
    record.receivedBytes > 0 ? record.receivedBytes : unsafe Int64(record.headBytes.count)
  }

  // MARK: times

  private func render(
    _ time: AccessLogTime, ofEnd: Bool, _ record: borrowing AccessRecord,
    _ writer: inout ByteWriter
  ) {
    let instant = record.startMicroseconds &+ (ofEnd ? record.durationMicroseconds : 0)
    let seconds = instant / 1_000_000
    switch time {
    case .seconds: writer.append(number: seconds)
    case .milliseconds: writer.append(number: instant / 1000)
    case .microseconds: writer.append(number: instant)
    case .millisecondFraction: writer.append(number: instant / 1000 % 1000, width: 3)
    case .microsecondFraction: writer.append(number: instant % 1_000_000, width: 6)
    case .commonLog:
      let civil = CivilDate(seconds: seconds &+ utcOffsetSeconds)
      writer.append(UInt8(ascii: "["))
      writer.append(number: Int64(civil.day), width: 2)
      writer.append(UInt8(ascii: "/"))
      writer.append(abbreviated: CalendarNames.month(civil.month))
      writer.append(UInt8(ascii: "/"))
      writer.append(number: Int64(civil.year), width: 4)
      writer.append(UInt8(ascii: ":"))
      appendClock(civil, &writer)
      writer.append(UInt8(ascii: " "))
      writer.append(utcOffset: utcOffsetSeconds)
      writer.append(UInt8(ascii: "]"))
    case .letter(let letter):
      let civil = CivilDate(seconds: seconds &+ utcOffsetSeconds)
      renderLetter(letter, civil, seconds: seconds, &writer)
    }
  }

  private func appendClock(_ civil: CivilDate, _ writer: inout ByteWriter) {
    writer.append(number: Int64(civil.hour), width: 2)
    writer.append(UInt8(ascii: ":"))
    writer.append(number: Int64(civil.minute), width: 2)
    writer.append(UInt8(ascii: ":"))
    writer.append(number: Int64(civil.second), width: 2)
  }

  /// One conversion of strftime(3) in the C locale.
  private func renderLetter(
    _ letter: UInt8, _ civil: CivilDate, seconds: Int64, _ writer: inout ByteWriter
  ) {
    let hour12 = civil.hour % 12 == 0 ? 12 : civil.hour % 12
    switch letter {
    case UInt8(ascii: "a"): writer.append(abbreviated: CalendarNames.weekday(civil.weekday))
    case UInt8(ascii: "A"): writer.append(CalendarNames.weekday(civil.weekday))
    case UInt8(ascii: "b"), UInt8(ascii: "h"):
      writer.append(abbreviated: CalendarNames.month(civil.month))
    case UInt8(ascii: "B"): writer.append(CalendarNames.month(civil.month))
    case UInt8(ascii: "C"): writer.append(number: Int64(civil.year / 100), width: 2)
    case UInt8(ascii: "d"): writer.append(number: Int64(civil.day), width: 2)
    case UInt8(ascii: "D"):
      appendTriple(civil.month, civil.day, civil.year % 100, separator: "/", &writer)
    case UInt8(ascii: "e"):
      writer.append(number: Int64(civil.day), width: 2, fill: UInt8(ascii: " "))
    case UInt8(ascii: "F"):
      appendTriple(civil.year, civil.month, civil.day, separator: "-", &writer)
    case UInt8(ascii: "H"): writer.append(number: Int64(civil.hour), width: 2)
    case UInt8(ascii: "I"): writer.append(number: Int64(hour12), width: 2)
    case UInt8(ascii: "j"): writer.append(number: dayOfYear(civil), width: 3)
    case UInt8(ascii: "k"):
      writer.append(number: Int64(civil.hour), width: 2, fill: UInt8(ascii: " "))
    case UInt8(ascii: "l"):
      writer.append(number: Int64(hour12), width: 2, fill: UInt8(ascii: " "))
    case UInt8(ascii: "m"): writer.append(number: Int64(civil.month), width: 2)
    case UInt8(ascii: "M"): writer.append(number: Int64(civil.minute), width: 2)
    case UInt8(ascii: "p"): writer.append(civil.hour < 12 ? "AM" : "PM")
    case UInt8(ascii: "P"): writer.append(civil.hour < 12 ? "am" : "pm")
    case UInt8(ascii: "R"):
      writer.append(number: Int64(civil.hour), width: 2)
      writer.append(UInt8(ascii: ":"))
      writer.append(number: Int64(civil.minute), width: 2)
    case UInt8(ascii: "s"): writer.append(number: seconds)
    case UInt8(ascii: "S"): writer.append(number: Int64(civil.second), width: 2)
    case UInt8(ascii: "T"): appendClock(civil, &writer)
    case UInt8(ascii: "u"):
      writer.append(number: Int64(civil.weekday == 0 ? 7 : civil.weekday))
    case UInt8(ascii: "w"): writer.append(number: Int64(civil.weekday))
    case UInt8(ascii: "y"): writer.append(number: Int64(civil.year % 100), width: 2)
    case UInt8(ascii: "Y"): writer.append(number: Int64(civil.year))
    default: writer.append(utcOffset: utcOffsetSeconds)  // %z, and %Z: zones have no name here
    }
  }

  /// 1 is the first of January.
  private func dayOfYear(_ civil: CivilDate) -> Int64 {
    let newYear = CivilDate(year: civil.year, month: 1, day: 1, hour: 0, minute: 0, second: 0)
    return (civil.seconds - newYear.seconds) / 86_400 + 1
  }

  private func appendTriple(
    _ first: Int, _ second: Int, _ third: Int, separator: Unicode.Scalar,
    _ writer: inout ByteWriter
  ) {
    writer.append(number: Int64(first), width: 2)
    writer.append(UInt8(ascii: separator))
    writer.append(number: Int64(second), width: 2)
    writer.append(UInt8(ascii: separator))
    writer.append(number: Int64(third), width: 2)
  }
}
