#include <fmt/core.h>

#include <string_view>

#include "cli/verb_words.hpp"
#include "countersign/base/text.hpp"

// Completions are static: they know the verbs and options of this version, and ask no server.
namespace countersign::cli {
namespace {

std::string path_of(const VerbWords& verb) {
    return join(verb.path, " ");
}

// Within single quotes, for any of the three shells.
std::string quoted(std::string_view text, std::string_view quote) {
    std::string all = "'";
    for (char c : text) {
        if (c == '\'')
            all += quote;
        else
            all += c;
    }
    return all + "'";
}

std::vector<std::string> options_of(const VerbWords& verb) {
    std::vector<std::string> names;
    for (const auto& option : verb.options)
        if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
    return names;
}

// What to offer where no option is: the choices of positionals, and whether files.
struct Operands {
    std::vector<std::string> choices;
    bool files = false;
};
Operands operands_of(const VerbWords& verb) {
    Operands all;
    for (const auto& below : verb.verbs) all.choices.push_back(below.word);
    for (const auto& option : verb.options) {
        if (!option.positional) continue;
        all.choices.insert(all.choices.end(), option.choices.begin(), option.choices.end());
        all.files = all.files || option.names_files();
    }
    return all;
}

// ---- bash

constexpr std::string_view bash_begin =
    R"(# Completes countersign's verbs and options in bash. Made by `countersign completion bash`.
_countersign() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local at='' i words='' options='' files=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then
            mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
            return
        fi
        case "$at${at:+ }${COMP_WORDS[i]}" in
)";
constexpr std::string_view bash_end = R"(    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ -n $files ]]; then
        mapfile -t COMPREPLY < <(compgen -f -W "$words" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}
complete -o filenames -F _countersign countersign
)";

// A branch for each option that takes a value.
std::string bash_values(const VerbWords& verb) {
    std::string all;
    for (const auto& option : verb.options) {
        if (option.positional || option.value.empty()) continue;
        std::string cases;
        for (const auto& name : option.names)
            cases += fmt::format("{}{}", cases.empty() ? "" : " | ",
                                 quoted(path_of(verb) + ":" + name, R"('\'')"));
        std::string act = "return";
        if (!option.choices.empty())
            act = fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$current\"); return",
                              quoted(join(option.choices, " "), R"('\'')"));
        else if (option.names_files())
            act = "mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return";
        all += fmt::format("        {}) {} ;;\n", cases, act);
    }
    return all;
}

std::string bash_completion(const std::vector<VerbWords>& verbs) {
    std::string paths;
    std::string values;
    std::string branches;
    for (const auto& verb : verbs) {
        if (!verb.path.empty()) paths += (paths.empty() ? "" : " | ") + quoted(path_of(verb), R"('\'')");
        values += bash_values(verb);
        auto operands = operands_of(verb);
        branches +=
            fmt::format("        {}) words={} options={}{} ;;\n", quoted(path_of(verb), R"('\'')"),
                        quoted(join(operands.choices, " "), R"('\'')"),
                        quoted(join(options_of(verb), " "), R"('\'')"), operands.files ? " files=1" : "");
    }
    return fmt::format(
        "{}            {}) at=\"$at${{at:+ }}${{COMP_WORDS[i]}}\" ;;\n        esac\n    done\n"
        "    case \"$at:$previous\" in\n{}    esac\n    case \"$at\" in\n{}{}",
        bash_begin, paths, values, branches, bash_end);
}

// ---- zsh

constexpr std::string_view zsh_begin = R"(#compdef countersign
# Completes countersign's verbs and options in zsh. Made by `countersign completion zsh`.
_countersign() {
    local at='' i depth=0
    for ((i = 2; i < CURRENT; i++)); do
        [[ $words[i] == -- ]] && break
        case "$at${at:+ }$words[i]" in
)";
constexpr std::string_view zsh_middle = R"(        esac
    done
    words=("$words[1]" "${(@)words[depth + 2, -1]}")
    ((CURRENT -= depth))
    local -a verbs
    case "$at" in
)";
constexpr std::string_view zsh_end = R"(    esac
}
if [[ $funcstack[1] == _countersign ]]; then
    _countersign "$@"
else
    compdef _countersign countersign
fi
)";

std::string zsh_escaped(std::string_view text, std::string_view special) {
    std::string all;
    for (char c : text) {
        if (special.find(c) != special.npos) all += '\\';
        all += c;
    }
    return all;
}

std::string zsh_value(const OptionWords& option) {
    std::string what = zsh_escaped(option.positional ? option.names.front() : option.value, ":");
    if (!option.choices.empty()) return fmt::format(":{}:({})", what, join(option.choices, " "));
    return fmt::format(":{}:{}", what, option.names_files() ? "_files" : " ");
}

std::string zsh_arguments(const VerbWords& verb) {
    std::string all = "_arguments -S";
    for (const auto& option : verb.options) {
        if (option.positional) {
            std::string value = verb.takes_command ? "::command:_normal" : zsh_value(option);
            std::string_view before = option.repeats || verb.takes_command ? "*" : "";
            all += " " + quoted(fmt::format("{}{}", before, value), R"('\'')");
            continue;
        }
        for (const auto& name : option.names) {
            std::string spec =
                fmt::format("{}{}[{}]{}", option.repeats ? "*" : "", name, zsh_escaped(option.does, "[]:\\"),
                            option.value.empty() ? "" : zsh_value(option));
            all += " " + quoted(spec, R"('\'')");
        }
    }
    return all;
}

std::string zsh_completion(const std::vector<VerbWords>& verbs) {
    std::string paths;
    std::string branches;
    for (const auto& verb : verbs) {
        if (!verb.path.empty()) paths += (paths.empty() ? "" : " | ") + quoted(path_of(verb), R"('\'')");
        branches += fmt::format("        {})\n", quoted(path_of(verb), R"('\'')"));
        if (verb.verbs.empty()) {
            branches += fmt::format("            {}\n            ;;\n", zsh_arguments(verb));
            continue;
        }
        branches += "            verbs=(\n";
        for (const auto& below : verb.verbs)
            branches += fmt::format(
                "                {}\n",
                quoted(fmt::format("{}:{}", below.word, zsh_escaped(below.does, "\\:")), R"('\'')"));
        branches += fmt::format(
            "            )\n            _describe -t verbs verb verbs\n            {}\n"
            "            ;;\n",
            zsh_arguments(verb));
    }
    return fmt::format("{}            {}) at=\"$at${{at:+ }}$words[i]\"; ((++depth)) ;;\n{}{}{}", zsh_begin,
                       paths, zsh_middle, branches, zsh_end);
}

// ---- fish

constexpr std::string_view fish_begin =
    R"fish(# Completes countersign's verbs and options in fish. Made by `countersign completion fish`.
function __countersign_at
    set -l at
    for word in (commandline -opc)[2..-1]
        test "$word" = -- ; and return 1
        contains -- "$(string join -- ' ' $at $word)" $__countersign_verbs; and set -a at $word
    end
    test "$at" = "$argv"
end
)fish";

std::string fish_completion(const std::vector<VerbWords>& verbs) {
    constexpr std::string_view quote = R"(\')";
    std::string paths;
    std::string lines;
    for (const auto& verb : verbs) {
        if (!verb.path.empty()) paths += " " + quoted(path_of(verb), quote);
        auto operands = operands_of(verb);
        std::string when =
            fmt::format("complete -c countersign -n {}",
                        quoted("__countersign_at" + (verb.path.empty() ? "" : " " + path_of(verb)), quote));
        for (const auto& below : verb.verbs)
            lines += fmt::format("{} -a {} -d {}\n", when, below.word, quoted(below.does, quote));
        if (verb.verbs.empty() && !operands.choices.empty())
            lines += fmt::format("{} -a {}\n", when, quoted(join(operands.choices, " "), quote));
        if (operands.files) lines += when + " -F\n";
        for (const auto& option : verb.options) {
            if (option.positional) continue;
            lines += when;
            for (const auto& name : option.names)
                lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (!option.choices.empty())
                lines += fmt::format(" -x -a {}", quoted(join(option.choices, " "), quote));
            else if (!option.value.empty())
                lines += option.names_files() ? " -r -F" : " -x";
            lines += fmt::format(" -d {}\n", quoted(option.does, quote));
        }
    }
    return fmt::format("{}set -g __countersign_verbs{}\ncomplete -c countersign -f\n{}", fish_begin, paths,
                       lines);
}

}  // namespace

std::string completion_for(const std::string& shell, const std::vector<VerbWords>& verbs) {
    if (shell == "bash") return bash_completion(verbs);
    if (shell == "zsh") return zsh_completion(verbs);
    return fish_completion(verbs);
}

}  // namespace countersign::cli
