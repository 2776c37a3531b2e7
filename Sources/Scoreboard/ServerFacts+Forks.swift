// ServerFacts+Forks: how long workers took until they served. Edge.
public import Reporting

extension ServerFacts {
  /// Lines of one histogram: the longest duration and the sum, and the classes.
  private static let histogramLines =
    1 + (DurationHistogram.classes + SharedLine.fields - 1) / SharedLine.fields
  /// Lines of both of them.
  static let forkLines = 2 * histogramLines

  private func line(_ histogram: Int, _ index: Int) -> SharedLine {
    forkLine(histogram * Self.histogramLines + index)
  }

  /// A worker serves.
  ///
  /// - Parameter forkUs: microseconds since its mold began to fork it.
  /// - Parameter askedUs: microseconds since it was asked for: in a crowd it waits for the others.
  public func workerBecameReady(forkUs: Int64, askedUs: Int64) {
    for (histogram, us) in [forkUs, askedUs].enumerated() {
      let index = DurationHistogram.index(us: us)
      line(histogram, 1 + index / SharedLine.fields).add(1, to: index % SharedLine.fields)
      let longest = line(histogram, 0)
      longest[0] = max(longest[0], us)
      longest.add(max(0, us), to: 1)
    }
  }

  /// How long workers took until they served.
  public var forkTimes: ServerStatus.ForkTimes {
    ServerStatus.ForkTimes(fork: histogram(0), asked: histogram(1))
  }

  private func histogram(_ number: Int) -> DurationHistogram {
    DurationHistogram(
      counts: (0..<DurationHistogram.classes).map { index in
        line(number, 1 + index / SharedLine.fields)[index % SharedLine.fields]
      }, longestUs: line(number, 0)[0], sumUs: line(number, 0)[1])
  }
}
