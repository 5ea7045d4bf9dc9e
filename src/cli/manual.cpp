#include <fmt/core.h>

#include <string_view>

#include "cli/verb_words.hpp"
#include "countersign/base/text.hpp"

// Manual pages in the macros of man(7): one for the program, one for each verb.
namespace countersign::cli {
namespace {

// Nothing in it is read as a request or an escape; hyphens stay hyphens, so that they can be copied.
std::string plain(std::string_view text) {
    std::string all;
    bool line_begins = true;
    for (char c : text) {
        if (line_begins && (c == '.' || c == '\'')) all += "\\&";
        line_begins = c == '\n';
        if (c == '\\')
            all += "\\e";
        else if (c == '-')
            all += "\\-";
        else
            all += c;
    }
    return all;
}

std::string upper(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

std::string sentence(std::string text) {
    if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
        text.front() = static_cast<char>(text.front() - 'a' + 'A');
    if (!text.ends_with('.')) text += '.';
    return text;
}

std::string value_of(const OptionWords& option) {
    if (option.choices.empty()) return option.value;
    return join(option.choices, "|");
}

std::string synopsis(const VerbWords& verb) {
    std::string all = fmt::format(".B {}\n", plain(verb.name()));
    if (!verb.verbs.empty()) return all + ".I verb\n[options]\n";
    std::string needed;
    for (const auto& option : verb.options)
        if (option.required && !option.positional)
            needed +=
                fmt::format("\\fB{}\\fR \\fI{}\\fR\n", plain(option.names.front()), plain(value_of(option)));
    all += needed + "[options]\n";
    for (const auto& option : verb.options) {
        if (!option.positional) continue;
        std::string name =
            fmt::format("\\fI{}\\fR{}", plain(option.names.front()), option.repeats ? "\\ ..." : "");
        if (verb.takes_command) name = "\\-\\-\n" + name;
        all += option.required ? name + "\n" : "[" + name + "]\n";
    }
    return all;
}

std::string entry(const OptionWords& option) {
    std::string names;
    for (const auto& name : option.names) {
        if (!names.empty()) names += ", ";
        names += fmt::format("\\f{}{}\\fR", option.positional ? 'I' : 'B', plain(name));
    }
    if (!option.positional && !option.value.empty())
        names += fmt::format(" \\fI{}\\fR", plain(value_of(option)));
    std::string does = sentence(option.does);
    if (option.repeats && !option.positional) does += " May be given several times.";
    if (!option.fallback.empty()) does += fmt::format(" Default: {}.", option.fallback);
    return fmt::format(".TP\n{}\n{}\n", names, plain(does));
}

std::string options(const VerbWords& verb) {
    std::string operands;
    std::string all;
    for (const auto& option : verb.options) (option.positional ? operands : all) += entry(option);
    return (operands.empty() ? "" : ".SH OPERANDS\n" + operands) + ".SH OPTIONS\n" + all;
}

constexpr std::string_view environment_section = R"(.SH ENVIRONMENT
.TP
\fBCOUNTERSIGN_URL\fR
The server that verbs of clients ask. Default: http://127.0.0.1:8480.
.TP
\fBCOUNTERSIGN_TOKEN\fR
The caller's token. Default: the file \fItoken\fR in \fBCOUNTERSIGN_HOME\fR.
.TP
\fBCOUNTERSIGN_HOME\fR
Where \fBdev\fR keeps its state, and keys are looked for where \fBkeys\fR names no folder.
Default: ~/.local/share/countersign; as root /var/lib/countersign.
.PP
Each key of the configuration has a variable as well: its path in capitals with _ between the parts, so
\fBslack.api_url\fR is \fBCOUNTERSIGN_SLACK_API_URL\fR.
The environment wins over the file.
)";
constexpr std::string_view exit_section = R"(.SH EXIT STATUS
.TP
.B 0
Done; of \fBwait\fR, \fBrequest \-\-wait\fR and \fBrun\fR before the command starts: approved.
.TP
.B 1
The verb's own work failed.
.TP
.B 2
Wrong usage, or a refusal of the API that trying again does not mend.
.TP
.B 10
Denied by a person.
.TP
.B 11
Refused by policy.
.TP
.B 12
Expired, or lapsed before it was claimed.
.TP
.B 13
Cancelled.
.TP
.B 14
The grant was claimed already, or something changed since the approval.
.TP
.B 20
The server could not be reached.
.TP
.BR 126 ", " 127
Of \fBrun\fR: the command cannot be started, or is not there. Once it runs, its own code is \fBrun\fR's.
)";

std::string see_also(const std::vector<VerbWords>& verbs, const VerbWords& verb) {
    std::string all = ".SH SEE ALSO\n";
    std::vector<std::string> names;
    if (!verb.path.empty()) names.emplace_back("countersign");
    for (const auto& other : verbs) {
        if (other.path.empty() || other.path == verb.path) continue;
        bool below = other.path.size() == verb.path.size() + 1 &&
                     std::equal(verb.path.begin(), verb.path.end(), other.path.begin());
        bool beside = verb.path.size() > 1 && other.path.size() == verb.path.size() &&
                      std::equal(verb.path.begin(), verb.path.end() - 1, other.path.begin());
        if (below || beside) names.push_back(other.name("-"));
    }
    for (std::size_t i = 0; i < names.size(); ++i)
        all += fmt::format(".BR {} (1){}\n", plain(names[i]), i + 1 < names.size() ? "," : "");
    return all;
}

std::string page_of(const std::vector<VerbWords>& verbs, const VerbWords& verb, const std::string& version) {
    std::string text = fmt::format(
        ".\\\" Made by `countersign manual`.\n.TH {} 1 \"\" \"countersign {}\" \"Countersign\"\n"
        ".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}.SH DESCRIPTION\n{}\n",
        plain(upper(verb.name("-"))), version, plain(verb.name("-")), plain(verb.does), synopsis(verb),
        plain(sentence(verb.does)));
    if (!verb.verbs.empty()) text += ".SH VERBS\n";
    for (const auto& below : verb.verbs)
        text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", plain(below.word), plain(sentence(below.does)));
    text += options(verb);
    if (verb.path.empty()) text += fmt::format("{}{}", environment_section, exit_section);
    if (!verb.example.empty()) text += fmt::format(".SH EXAMPLES\n.EX\n{}\n.EE\n", plain(verb.example));
    return text + see_also(verbs, verb);
}

}  // namespace

std::vector<ManualPage> manual_of(const std::vector<VerbWords>& verbs, const std::string& version) {
    std::vector<ManualPage> pages;
    for (const auto& verb : verbs) pages.push_back({verb.name("-") + ".1", page_of(verbs, verb, version)});
    return pages;
}

}  // namespace countersign::cli
