#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

// The words of the command line as data, from which completions and manual pages are made.
namespace countersign::cli {

struct OptionWords {
    std::vector<std::string> names;    // "--json", "-h"; of a positional its name, "FILE"
    std::string value;                 // "FILE"; empty: it takes none
    std::vector<std::string> choices;  // all that the value may be; empty: anything
    std::string does;
    std::string fallback;  // the value where none is given; empty: none, or none to speak of
    bool positional = false;
    bool required = false;
    bool repeats = false;
    bool names_files() const;  // whether the value is a path
};

struct VerbWords {
    std::vector<std::string> path;  // {"policy", "check"}; empty: the program itself
    std::string does;
    std::string example;  // empty: none; lines of a shell
    std::vector<OptionWords> options;
    struct Below {
        std::string word;
        std::string does;
    };
    std::vector<Below> verbs;
    bool takes_command = false;      // what follows "--" is a command of the caller's
    // The program and the path: "countersign policy check", with something else between the words.
    std::string name(const std::string& between = " ") const;
};

// The program itself, then each verb that is not hidden, verbs before those below them, in the order of help.
std::vector<VerbWords> words_of(const CLI::App& app);

// What a shell reads to complete these verbs: "bash", "zsh" or "fish".
std::string completion_for(const std::string& shell, const std::vector<VerbWords>& verbs);

struct ManualPage {
    std::string file;  // "countersign-policy-check.1"
    std::string text;  // in man(7)'s macros
};
std::vector<ManualPage> manual_of(const std::vector<VerbWords>& verbs, const std::string& version);

}  // namespace countersign::cli
