#include "runners/cli/app.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "runners/cli/commands.h"

namespace assay {
namespace {

constexpr const char* about =
    R"(Assay: does an AI supercomputer deliver what was promised, and how sure are we?

It runs a plan of benchmarks through assay-bench and MPI, judges the results against a file of targets clause by
clause, and writes a report.)";

constexpr const char* manual = R"(Examples
  assay doctor                                      what is here, what is missing, what to install
  assay run quick --targets any-machine             measure this machine and judge it (about 3 minutes)
  assay run plan.toml --targets t.toml --dry-run    show every command, run nothing
  assay judge campaigns/quick-20261122T100000Z      the verdict table again, from the evidence
  assay judge CAMPAIGN --targets stricter.toml      the same evidence under other targets
  assay report CAMPAIGN --html out.html --junit -   a report; '-' is standard output
  assay describe compute/gemm                       parameters and figures of a benchmark

A plan (what to measure)
  schema = "assay.plan/1"
  name = "mine"
  budget = "60 s"                                   # measuring time, shared out over the cases
  [repeat]
  launches = { max = 12, stop = "decided" }         # or stop = "fixed"
  [[case]]
  benchmark = "compute/gemm"
  parameters = { dtype = ["f32", "f64"], m = 2048, n = 2048, k = 2048 }    # lists: their cross product
  geometry = { nodes = 1, ranks_per_node = 1 }      # nodes = N, "all" or "each"
  time = "2 s"                                      # measuring time of a launch; default: shares the budget
  time_limit = "1 min"                              # a launch that takes longer is a timeout

Targets (what was promised)
  schema = "assay.targets/1"
  name = "My machine"
  [[target]]
  id = "4.2.1"                                      # the clause of the contract
  title = "Matrix product in single precision"
  fom = "compute/gemm.rate"
  where = { dtype = "f32" }
  at_least = "300 GFLOP/s"                          # or "70 % of peak"; at_most for times
  tolerance = "2 %"

A site (what does not travel with a plan; optional)
  schema = "assay.site/1"
  name = "my-cluster"                               # the system, as the register of campaigns knows it
  worker = "/opt/assay/bin/assay-bench"
  hosts = ["n001", "n002"]                          # default: this machine, or the Slurm allocation
  [launcher]
  kind = "mpiexec"                                  # or "srun", the default inside a Slurm allocation
  program = "/usr/bin/mpiexec"
  arguments = ["-iface", "ib0"]
  [environment]
  UCX_TLS = "rc"
  [storage]
  scratch = "/lustre/scratch/assay"                 # where storage is measured; default: beside the results

Verdicts: pass and fail are said only when the evidence decides at the confidence of the targets; what is missing,
wrong or unclear is never a pass. Every campaign is entered in campaigns/REGISTER.jsonl, and a later one under the
same targets continues the counts of the earlier ones.

Exit status: 0 all mandatory targets pass; 1 a target failed or is invalid; 2 undecided (inconclusive, missing);
3 bad input or usage; 4 could not run; 130 interrupted.)";

}  // namespace

int run_app(int argc, const char* const* argv) {
  CLI::App app(about, "assay");
  app.footer(manual);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("assay ") + ASSAY_VERSION);
  ExitStatus status = ExitStatus::pass;

  RunOptions run;
  CLI::App* run_app = app.add_subcommand("run", "Measure a plan, judge it against targets, write the report");
  run_app->add_option("PLAN", run.plan, "Plan: a file, or the name of a shipped one (quick)")->required();
  run_app->add_option("--targets", run.targets, "Targets: a file, or the name of shipped ones (any-machine)")
      ->required();
  run_app->add_option("--site", run.site, "Site file: hosts, launcher, worker, environment");
  run_app->add_option("--out", run.out, "Folder in which campaigns and their register are kept")
      ->capture_default_str();
  run_app->add_option("--worker", run.worker,
                      "assay-bench to use (default: the site's, beside assay, then PATH)");
  run_app->add_option("--storage", run.storage,
                      "[NAME=]PATH: folder in which storage is measured (default: the site's, else beside "
                      "the results)");
  run_app->add_flag("--dry-run", run.dry_run,
                    "Check all input, print every exact command of a round, run nothing");
  run_app->add_flag("--quiet", run.quiet, "Say nothing but errors; the exit status has the verdict");
  run_app->callback([&] { status = run_command(run); });

  JudgeOptions judge;
  CLI::App* judge_app = app.add_subcommand("judge", "Judge a campaign's evidence; print the verdict table");
  judge_app->add_option("CAMPAIGN", judge.campaign, "Folder that `assay run` wrote")->required();
  judge_app->add_option("--targets", judge.targets, "Other targets than the campaign's own");
  judge_app->callback([&] { status = judge_command(judge); });

  ReportOptions report;
  CLI::App* report_app =
      app.add_subcommand("report", "Write reports of a campaign; without a format, all in its folder");
  report_app->add_option("CAMPAIGN", report.campaign, "Folder that `assay run` wrote")->required();
  report_app->add_option("--targets", report.targets, "Other targets than the campaign's own");
  report_app->add_option("--html", report.html, "One self-contained page ('-': standard output)");
  report_app->add_option("--json", report.json, "Verdicts for machines");
  report_app->add_option("--junit", report.junit, "JUnit XML for GitLab, Jenkins, GitHub");
  report_app->add_option("--markdown", report.markdown, "Summary for a pull request");
  report_app->add_option("--csv", report.csv, "One line per target part");
  report_app->callback([&] { status = report_command(report); });

  CLI::App* list_app = app.add_subcommand("list", "List benchmarks, shipped plans and shipped targets");
  list_app->callback([&] { status = list_command(); });

  std::string benchmark;
  CLI::App* describe_app = app.add_subcommand("describe", "Tell parameters and figures of a benchmark");
  describe_app->add_option("NAME", benchmark, "Benchmark, such as compute/gemm")->required();
  describe_app->callback([&] { status = describe_command(benchmark); });

  std::string doctor_worker, doctor_out = "campaigns";
  CLI::App* doctor_app =
      app.add_subcommand("doctor", "Tell what is here, what would be unsupported, what to install");
  doctor_app->add_option("--worker", doctor_worker, "assay-bench to examine");
  doctor_app->add_option("--out", doctor_out, "Folder in which campaigns would be kept")
      ->capture_default_str();
  doctor_app->callback([&] { status = doctor_command(doctor_worker, doctor_out); });

  std::vector<std::string> files;
  CLI::App* validate_app =
      app.add_subcommand("validate", "Check plans, targets and sites, and plans against targets");
  validate_app->add_option("FILE", files, "Plans, targets, sites")->required();
  validate_app->callback([&] { status = validate_command(files); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help, version or what is wrong
    return code == 0 ? 0 : static_cast<int>(ExitStatus::bad_input);
  }
  return static_cast<int>(status);
}

}  // namespace assay
