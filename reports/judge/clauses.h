// Clauses that are not timed, and what is told about cases and clauses as a whole.
#pragma once

#include <string>
#include <vector>

#include "reports/judge/observations.h"

namespace assay {

/// A fact that every known node must have. An unknown fact on any node: missing.
TargetVerdict judge_inventory(const Context& context, const InventoryClause& clause);

/// A clause that a person confirmed. Without name and date: missing; with another file than confirmed: invalid.
TargetVerdict judge_document(const Context& context, const DocumentClause& clause);

/// How well the plan's cases test a target's clause on the machine that is known of.
ClauseCoverage coverage_of(const Context& context, const Target& target, const TargetVerdict& judged);

/// A case's figures without regard to any target.
CaseSummary summarise_case(const Context& context, const CaseIdentity& identity, const std::string& label);

/// "mpiexec -n 2 assay-bench compute/gemm --dtype bf16 --m 4096": runs the case again by hand.
std::string repeat_command(const JudgeInput& input, const CaseIdentity& identity);

}  // namespace assay
