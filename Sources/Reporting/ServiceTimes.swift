// ServiceTimes: how long requests took, counted in classes that suit monitoring. Pure.

/// How many requests took how long, each from its begin in a handler to its end. Requests that
/// were shed are not among them: they would look fast.
///
/// The bounds are those of Prometheus's clients, with finer ones below: `1-2.5-5` steps from 100 µs
/// to 10 s. A duration that equals a bound counts below it.
public struct ServiceTimes: Equatable, Sendable {
  /// Number of classes; the last one has no bound.
  public static let classes = 16
  /// Bounds of the classes but the last, in microseconds, ascending.
  public static let boundsUs: [Int64] = [
    100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
  ]

  /// Requests of each class; ``classes`` elements.
  public private(set) var counts = [Int64](repeating: 0, count: classes)

  /// None.
  public init() {}

  /// The class of a duration in microseconds. Short ones are found first. Allocates: never.
  public static func index(us: Int64) -> Int {
    switch us {
    case ...100: 0
    case ...500: 1
    case ...1_000: 2
    case ...2_500: 3
    case ...5_000: 4
    case ...10_000: 5
    case ...25_000: 6
    case ...50_000: 7
    case ...100_000: 8
    case ...250_000: 9
    case ...500_000: 10
    case ...1_000_000: 11
    case ...2_500_000: 12
    case ...5_000_000: 13
    case ...10_000_000: 14
    default: 15
    }
  }

  /// Adds `count` requests to a class. Sums wrap round: the numbers come from shared memory.
  public mutating func add(_ count: Int64, to index: Int) { counts[index] &+= count }
}
