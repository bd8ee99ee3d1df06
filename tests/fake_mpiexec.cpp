// Stands in for MPICH's mpiexec where there is none: reads the same options, starts the first rank of each
// section only, waits for all of them. Says how a rank died as Hydra does, and ends its ranks on SIGTERM.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Section {
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> program;
};

std::vector<Section> parse(const std::vector<std::string>& arguments) {
  std::vector<Section> sections(1);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    Section& now = sections.back();
    const std::string& word = arguments[i];
    if (word == ":") {
      sections.emplace_back();
    } else if (!now.program.empty() || word[0] != '-') {
      now.program.push_back(word);
    } else if (word == "-env") {
      now.environment.emplace_back(arguments.at(i + 1), arguments.at(i + 2));
      i += 2;
    } else {
      ++i;  // -n N, -hosts LIST, -ppn N, -bind-to WHERE
    }
  }
  return sections;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<pid_t> ranks;
  int number = 0;
  for (Section& section : parse({argv + 1, argv + argc})) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (const auto& [name, value] : section.environment) ::setenv(name.c_str(), value.c_str(), 1);
      ::setenv("PMI_RANK", std::to_string(number).c_str(), 1);
      std::vector<char*> words;
      for (std::string& word : section.program) words.push_back(word.data());
      words.push_back(nullptr);
      ::execvp(words[0], words.data());
      std::perror(words[0]);
      ::_exit(127);
    }
    ranks.push_back(child);
    ++number;
  }
  int worst = 0;
  for (const pid_t rank : ranks) {
    int status = 0;
    ::waitpid(rank, &status, 0);
    if (WIFSIGNALED(status)) {
      std::printf("YOUR APPLICATION TERMINATED WITH THE EXIT STRING: %s (signal %d)\n",
                  ::strsignal(WTERMSIG(status)), WTERMSIG(status));
      worst = WTERMSIG(status);
    } else if (WEXITSTATUS(status) != 0) {
      worst = WEXITSTATUS(status);
    }
  }
  return worst;
}
