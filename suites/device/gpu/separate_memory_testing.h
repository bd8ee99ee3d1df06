// For tests: memory of a device that the host must not touch, and streams whose work is done only when
// somebody waits for it. So a missing copy, wait or order shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace assay::gpu {

/// Addresses of such memory. A touch there is a fault; the memory itself is `separate_shift` bytes further
/// on.
inline constexpr std::uintptr_t separate_begin = std::uintptr_t{0x50} << 40;
inline constexpr std::uintptr_t separate_shift = std::uintptr_t{1} << 40;

/// What the device itself would reach at this address.
inline void* reached_by_device(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const bool separate = at >= separate_begin && at < separate_begin + separate_shift;
  return reinterpret_cast<void*>(separate ? at + separate_shift : at);
}

class DeferredStream {
 public:
  void begin(std::function<void()> work) { waiting_.push_back(std::move(work)); }
  /// What is begun here from now on is done after what `other` has begun so far.
  void wait_for(DeferredStream& other) {
    begin([&other, until = other.begun()] { other.run_until(until); });
  }
  void finish() { run_until(begun()); }

 private:
  std::size_t begun() const { return done_ + waiting_.size(); }
  void run_until(std::size_t count) {
    while (done_ < count) {
      const std::function<void()> work = std::move(waiting_.front());
      waiting_.pop_front();
      ++done_;
      work();
    }
  }

  std::deque<std::function<void()>> waiting_;
  std::size_t done_ = 0;
};

}  // namespace assay::gpu
