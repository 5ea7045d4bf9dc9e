#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace countersign::cli {

// What is wrong with words that `app` cannot make sense of: a verb or an option that it does not have, with
// the nearest one that it has. Empty: neither is the matter. `words`: without the program's own name.
std::string what_is_unknown(const CLI::App& app, const std::vector<std::string>& words);

// What to say where neither is the matter: which verbs there are behind one that does nothing by itself, else
// `otherwise`; and whose help says more.
std::string what_is_missing(const CLI::App& app, const std::vector<std::string>& words,
                            const std::string& otherwise);

// `help run` is `run --help`.
std::vector<std::string> without_help_verb(std::vector<std::string> words);

}  // namespace countersign::cli
