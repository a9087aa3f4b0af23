// A loop over all cores, without a runtime library to ship: threads take indices from a shared counter.
#pragma once
#include <algorithm>
#ifdef __linux__
#include <sched.h>
#endif
#include <atomic>
#include <thread>
#include <vector>

namespace pm {

// By default as many as cores that this process may run on: a batch gives each of its workers some.
inline int thread_count(int asked) {
  if (asked > 0) return asked;
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// Calls body(index, thread) for each index in [0, count).
template <class Body> void parallel_for(int64_t count, int threads, const Body& body) {
  threads = int(std::min<int64_t>(threads, count));
  std::atomic<int64_t> next{0};
  const auto work = [&](int thread) {
    for (int64_t index; (index = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(index, thread);
  };
  std::vector<std::thread> pool;
  for (int thread = 1; thread < threads; ++thread) pool.emplace_back(work, thread);
  work(0);
  for (auto& thread : pool) thread.join();
}

}  // namespace pm
