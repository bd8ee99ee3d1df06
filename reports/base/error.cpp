#include "reports/base/error.h"

namespace assay {

std::string to_string(const Location& where) {
  std::string text = where.file;
  if (where.line > 0) text += ":" + std::to_string(where.line);
  if (where.line > 0 && where.column > 0) text += ":" + std::to_string(where.column);
  return text;
}

namespace {

std::string compose(const std::string& problem, const std::string& next, const Location& where) {
  std::string text = to_string(where);
  if (!text.empty()) text += ": ";
  text += problem;
  if (!next.empty()) text += "; " + next;
  return text;
}

}  // namespace

Error::Error(ExitStatus status, const std::string& problem, const std::string& next, Location where)
    : std::runtime_error(compose(problem, next, where)), status_(status), where_(std::move(where)) {}

Error bad_input(const std::string& problem, const std::string& next, Location where) {
  return {ExitStatus::bad_input, problem, next, std::move(where)};
}

}  // namespace assay
