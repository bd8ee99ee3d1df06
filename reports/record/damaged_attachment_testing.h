// For tests of attachments' formats: what is damaged is refused as bad input, and in which words.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "reports/base/error.h"

namespace assay {

/// The words with which `parse` refuses the bytes of "attachments/x".
template <typename Parse>
std::string refusal_of(const Parse& parse, std::string_view bytes) {
  try {
    parse(bytes, "attachments/x");
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::bad_input);
    return error.what();
  }
  return "nothing was thrown";
}

/// The same for `bytes` in which one part is another.
template <typename Parse>
std::string refusal_of_damaged(const Parse& parse, std::string bytes, const std::string& part,
                               const std::string& with) {
  const auto at = bytes.find(part);
  EXPECT_NE(at, std::string::npos) << part << " in " << bytes;
  return refusal_of(parse, bytes.replace(at, part.size(), with));
}

}  // namespace assay
