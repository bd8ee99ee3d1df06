// Errors that a person reads. Every message follows one grammar:
//   FILE:LINE:COLUMN: what is wrong (why it matters); what to do next
#pragma once

#include <stdexcept>
#include <string>

namespace assay {

/// Exit status of `assay` (documented in README.md). Only `main` turns one into an exit code.
enum class ExitStatus {
  pass = 0,        ///< every mandatory target passes
  fail = 1,        ///< a target failed or is invalid
  undecided = 2,   ///< inconclusive or missing
  bad_input = 3,   ///< bad input or usage
  cannot_run = 4,  ///< the environment does not allow it: a program is missing, a disk is full
  interrupted = 130,
};

/// A place in a file. Lines and columns count from 1; 0 means "not known".
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

/// "plan.toml:7:3", "plan.toml:7", "plan.toml" or "".
std::string to_string(const Location& where);

class Error : public std::runtime_error {
 public:
  /// `problem`: what is wrong, with why it matters in parentheses where that is not plain.
  /// `next`: what to do about it; may be empty.
  Error(ExitStatus status, const std::string& problem, const std::string& next = {}, Location where = {});

  ExitStatus status() const { return status_; }
  const Location& where() const { return where_; }

 private:
  ExitStatus status_;
  Location where_;
};

/// An Error with status bad_input.
Error bad_input(const std::string& problem, const std::string& next = {}, Location where = {});

}  // namespace assay
