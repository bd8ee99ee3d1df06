// Where things are: plans and targets by name, and the worker.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace assay {

/// The folder of the running program.
std::filesystem::path program_folder();

/// `given` itself when such a file exists, else a shipped plan of that name: beside the program
/// (../share/assay/plans) or in the source tree (suites/plans). Throws Error(bad_input) naming the shipped
/// ones.
std::filesystem::path find_plan(const std::string& given);
/// The same for targets: share/assay/reference_results/targets or reference_results/targets.
std::filesystem::path find_targets(const std::string& given);

/// The same for either.
std::filesystem::path find_plan_or_targets(const std::string& given);

/// Names of what is shipped, without ".toml", sorted.
std::vector<std::string> shipped_plans();
std::vector<std::string> shipped_targets();

/// assay-bench: `option` (--worker), `site`, beside the program, PATH; in this order. What is named must
/// exist. Throws Error(cannot_run) with what to build or install.
std::filesystem::path find_worker(const std::string& option, const std::string& site);

}  // namespace assay
