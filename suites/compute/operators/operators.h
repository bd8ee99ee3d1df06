// compute/operators: what the parameters mean, and the case.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "suites/compute/operators/family.h"
#include "suites/harness/benchmark.h"

namespace assay::bench::operators {

/// Throws Error(bad_input) with the numbers and what would be allowed.
StepShape step_shape(const Parameters& parameters);

/// What the families of a case are made for. Operands rotate over more than the cache holds, unless all that
/// the step works on fits into it.
FamilySetting family_setting(const StepShape& step, const Context& context, device::Device& device);

/// Bytes that all of a step's memory takes, by the estimate of training/llm_step.
std::int64_t step_bytes(const StepShape& step);

/// Bytes of each of the three arrays of the triad: beyond twice the cache together, or as large as a step
/// that fits into it.
std::uint64_t triad_bytes(const StepShape& step, const FamilySetting& setting);

/// The operators of this model, in the catalogue's order.
std::vector<std::string> names_of(const StepShape& step);

/// Bytes of a rank in the host's memory: operands of the named operators, or the host's view of them; on the
/// host scratch and the triad's arrays besides.
double needed_bytes(const FamilySetting& setting, const std::vector<std::string>& names);

/// Bytes of the operands in the device's memory.
double operand_bytes(const std::vector<std::unique_ptr<Family>>& families);

/// `device`: what the parameters ask for; it outlives the case.

std::unique_ptr<Case> make_operators(const Parameters& parameters, const Context& context,
                                     device::Device& device);

}  // namespace assay::bench::operators
