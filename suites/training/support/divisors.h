// "What would be allowed": the divisors of a number, in words.
#pragma once

#include <cstdint>
#include <string>

namespace assay::training {

/// "1, 2, 3, 4, 6, 12"; of more than 12 the middle is left out ("1, 2, ..., 384, 768").
std::string list_divisors(std::int64_t number);

}  // namespace assay::training
