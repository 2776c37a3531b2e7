// ServerStatus+Memory: the memory of a server in words. Pure.
internal import ProcessPolicy

extension ServerStatus.Memory {
  /// The sum and the budget.
  public var sentence: String {
    let percent = budgetBytes > 0 ? usedBytes &* 100 / budgetBytes : 0
    return "\(text(usedBytes)) of \(text(budgetBytes)) (\(percent) %); supervisor "
      + "\(text(supervisorBytes)), molds \(text(moldBytes))"
  }

  /// What is told only where there is something to tell.
  var notes: [String] {
    var notes: [String] = []
    if stallPercent > 0 {
      notes.append("all processes waited for memory in \(stallPercent) % of the last 10 s")
    }
    if mergedBytes > 0 {
      notes.append("\(text(mergedBytes)) of the workers' pages are merged with equal ones")
    }
    return notes
  }

  /// How many workers there can be, and what keeps them from being more.
  ///
  /// - Parameter policy: the name of the policy that decides; Apache's does not heed the memory.
  public func capacitySentence(policy: String) -> String {
    guard workerBytes > 0 else { return "no worker was measured yet" }
    var sentence = "\(NumberText.grouped(Int64(capacity))) workers of \(text(workerBytes)) fit"
    if freshWorkerBytes > 0 { sentence += ", a fresh one takes \(text(freshWorkerBytes))" }
    return sentence + "; " + (policy == "apache" ? "Apache's policy does not heed it" : reason)
  }

  private var reason: String {
    switch binding {
    case .demand: "there are as many as the demand needs"
    case .processes: "--workers is the limit now"
    case .memory: "the memory is the limit now"
    case .cpu: "the CPU time is the limit now"
    case .failures: "early deaths make the next start wait"
    }
  }

  private func text(_ bytes: Int64) -> String { NumberText.bytes(Double(bytes)) }
}

extension ServerStatus.Worker {
  /// What it takes, for people.
  var memoryText: String {
    memoryBytes > 0 ? NumberText.bytes(Double(memoryBytes)) : "–"
  }
}
