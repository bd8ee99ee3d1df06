// Judgements for the tests of rendering, schemas and the browser: literal data, no evidence behind it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reports/judge/judgement.h"

namespace assay::samples {

/// Two mandatory clauses, one passed and one failed, and a reported one: for golden files.
Judgement small();
/// Everything passes.
Judgement passing();
/// Every verdict, every kind of part, a fleet of 8,000 devices.
Judgement everything();
/// No target, no case: what an empty campaign gives.
Judgement empty();
/// Every string tries to break out: markup, control characters, endless words, broken UTF-8.
Judgement hostile();
/// 20 cases on 1,000 nodes x 8 devices, 10 launches each.
Judgement large();

/// All of them with a name each.
std::vector<std::pair<std::string, Judgement>> all();

}  // namespace assay::samples
