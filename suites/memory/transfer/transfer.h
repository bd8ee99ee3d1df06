// memory/transfer: what is copied between host and GPUs, and how it is told from what was there before. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "suites/device/device.h"
#include "suites/harness/benchmark.h"

namespace assay::bench::transfer {

/// The payload: word `index` of the stream `key`. Every 64-bit word differs from its neighbours and from
/// those of other streams, so that a copy that is shifted, torn or stale is seen.
std::uint64_t payload_word(std::uint64_t key, std::uint64_t index);
void fill_payload(void* bytes, std::uint64_t count, std::uint64_t key);

/// Words of `bytes` that are not the payload's.
struct PayloadErrors {
  std::uint64_t wrong = 0;
  std::uint64_t first = 0;  ///< byte offset of the first; meaningless when none is wrong
};
PayloadErrors compare_payload(const void* bytes, std::uint64_t count, std::uint64_t key);

/// One check of several destinations: exact, so the error is the number of wrong words and the bound zero.
class PayloadCheck {
 public:
  void add(const std::string& destination, const PayloadErrors& errors);
  Check result() const;

 private:
  std::uint64_t wrong_ = 0;
  int destinations_ = 0;
  std::string words_;
};

/// Bytes that are copied: asked for, rounded up to whole 64-byte lines.
std::uint64_t copied_bytes(const Parameters& parameters);

/// "host", "within" or "devices": the parameter `path`.
std::unique_ptr<Case> make_host_case(const Parameters& parameters, const Context& context,
                                     device::Device& gpu);
std::unique_ptr<Case> make_pairs_case(const Parameters& parameters, const Context& context,
                                      device::Device& gpu);
/// What the GPUs of this node cannot do of it; empty: nothing.
std::string unsupported_on_gpu(const Parameters& parameters, const Context& context, device::Device& gpu);

}  // namespace assay::bench::transfer
