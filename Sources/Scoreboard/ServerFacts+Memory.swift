// ServerFacts+Memory: the budget and what stands against it. Edge.
internal import ProcessPolicy
public import Reporting

extension ServerFacts {
  private static let bindings: [BindingLimit] = [.demand, .processes, .memory, .cpu, .failures]

  /// What the server may take and takes, as the supervisor last measured it; nil before that.
  public var memory: ServerStatus.Memory? {
    get {
      guard memoryLine[Memory.budgetBytes] > 0 else { return nil }
      var memory = ServerStatus.Memory()
      memory.budgetBytes = memoryLine[Memory.budgetBytes]
      memory.usedBytes = memoryLine[Memory.usedBytes]
      memory.supervisorBytes = memoryLine[Memory.supervisorBytes]
      memory.moldBytes = memoryLine[Memory.moldBytes]
      memory.workerBytes = memoryLine[Memory.workerBytes]
      memory.freshWorkerBytes = memoryLine[Memory.freshWorkerBytes]
      memory.stallPercent = Int(min(max(moreMemoryLine[MoreMemory.stallPercent], 0), 100))
      memory.mergedBytes = moreMemoryLine[MoreMemory.mergedBytes]
      memory.capacity = Int(min(max(memoryLine[Memory.capacity], 0), 1 << 30))
      let binding = memoryLine[Memory.binding]
      if Self.bindings.indices.contains(Int(truncatingIfNeeded: binding)) {
        memory.binding = Self.bindings[Int(binding)]
      }
      return memory
    }
    nonmutating set {
      let memory = newValue ?? ServerStatus.Memory()
      memoryLine[Memory.usedBytes] = memory.usedBytes
      memoryLine[Memory.supervisorBytes] = memory.supervisorBytes
      memoryLine[Memory.moldBytes] = memory.moldBytes
      memoryLine[Memory.workerBytes] = memory.workerBytes
      memoryLine[Memory.freshWorkerBytes] = memory.freshWorkerBytes
      moreMemoryLine[MoreMemory.stallPercent] = Int64(memory.stallPercent)
      moreMemoryLine[MoreMemory.mergedBytes] = memory.mergedBytes
      memoryLine[Memory.capacity] = Int64(memory.capacity)
      memoryLine[Memory.binding] = Int64(Self.bindings.firstIndex(of: memory.binding) ?? 0)
      memoryLine[Memory.budgetBytes] = memory.budgetBytes
    }
  }
}
