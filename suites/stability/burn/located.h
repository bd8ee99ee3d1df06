// A wrong place with its time, in the words that a person needs to find it again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/stability/burn/differences.h"

namespace assay::bench::stability {

enum class ErrorPart { result, memory };

struct LocatedError {
  ErrorPart part = ErrorPart::result;
  double at_s = 0;  ///< since the common beginning, when the comparison was read: it is not later
  DifferentPlace place;
  std::string words;  ///< see describe
};

/// "after 12.345 s: product 8123, row 17, column 5 is 0x3f81 instead of 0x3f80 (bits 0x1)"; `columns` of a
/// result with elements of so many bytes.
std::string describe_result(double at_s, const DifferentPlace& place, std::uint64_t columns,
                            unsigned element_bytes);
/// "after 12.345 s: memory byte 4096 holds 0x... instead of 0x... (bits 0x1; pattern: random bits, written
/// 8 rounds ...)".
std::string describe_memory(double at_s, const DifferentPlace& place);

/// What a device's comparisons found, in the order of time.
class ErrorLog {
 public:
  static constexpr std::size_t most = 16;
  ErrorLog(std::uint64_t columns, unsigned element_bytes)
      : columns_(columns), element_bytes_(element_bytes) {}

  void add(ErrorPart part, double at_s, const Differences& found);

  std::uint64_t count(ErrorPart part) const { return part == ErrorPart::result ? results_ : words_; }
  std::uint64_t count() const { return results_ + words_; }
  const std::vector<LocatedError>& kept() const { return kept_; }

 private:
  std::uint64_t columns_;
  unsigned element_bytes_;
  std::uint64_t results_ = 0, words_ = 0;
  std::vector<LocatedError> kept_;
};

}  // namespace assay::bench::stability
