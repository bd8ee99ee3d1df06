#include "reports/judge/judgement.h"

namespace assay {

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::inconclusive:
      return "inconclusive";
    case Verdict::invalid:
      return "invalid";
    case Verdict::missing:
      return "missing";
    case Verdict::waived:
      return "waived";
  }
  return "invalid";
}

const char* to_string(Level level) {
  switch (level) {
    case Level::mandatory:
      return "mandatory";
    case Level::scored:
      return "scored";
    case Level::reported:
      return "reported";
  }
  return "mandatory";
}

}  // namespace assay
