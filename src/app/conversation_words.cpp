#include "app/conversation_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/lookalike.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

constexpr std::size_t day_chars = 10;  // "2026-12-03"

// What parts words that people type or paste: blanks of any script and width, line ends, and characters that
// are drawn as nothing.
constexpr auto blanks = std::to_array<std::string_view>(
    {" ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00A0", "\u1680", "\u2000",
     "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200A",
     "\u200B", "\u2028", "\u2029", "\u202F", "\u205F", "\u2060", "\u3000", "\uFEFF"});

// The length in bytes of the blank that begins or ends here; 0: none does.
std::size_t blank_at_front(std::string_view text) {
    const auto* blank =
        std::ranges::find_if(blanks, [&](std::string_view one) { return text.starts_with(one); });
    return blank == blanks.end() ? 0 : blank->size();
}
std::size_t blank_at_back(std::string_view text) {
    const auto* blank =
        std::ranges::find_if(blanks, [&](std::string_view one) { return text.ends_with(one); });
    return blank == blanks.end() ? 0 : blank->size();
}

std::string_view trimmed(std::string_view text) {
    while (auto size = blank_at_front(text)) text.remove_prefix(size);
    while (auto size = blank_at_back(text)) text.remove_suffix(size);
    return text;
}

std::string_view next_word(std::string_view& text) {
    text = trimmed(text);
    std::size_t end = 0;
    while (end < text.size() && blank_at_front(text.substr(end)) == 0) ++end;
    auto word = text.substr(0, end);
    text = trimmed(text.substr(end));
    return word;
}

// "1042" of "#1042,", of "`1042`" and of "(1042)".
std::string without_marks(std::string_view word) {
    std::string usual = narrow(word);
    std::string_view rest = usual;
    auto front = [&] {
        return !rest.empty() && std::string_view{"#(`*_\"'<"}.find(rest.front()) != rest.npos;
    };
    auto back = [&] {
        return !rest.empty() && std::string_view{",.;:!)`*_\"'>"}.find(rest.back()) != rest.npos;
    };
    while (front()) rest.remove_prefix(1);
    while (back()) rest.remove_suffix(1);
    return std::string{rest};
}

bool digits_alone(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "2026-12-03", whether there is such a day or not.
bool looks_like_a_day(std::string_view word) {
    constexpr std::string_view shape = "0000-00-00";
    if (word.size() != shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] == '-' ? word[i] != '-' : !digits_alone(word.substr(i, 1))) return false;
    return true;
}

AwayWords unclear(std::string problem) {
    return {.kind = AwayWords::Kind::unclear, .until = {}, .instead = {}, .problem = std::move(problem)};
}

}  // namespace

CommandWords read_command(std::string_view text) {
    CommandWords words;
    auto first = next_word(text);
    words.verb = lower_ascii(without_marks(first));
    // A number alone asks to be shown what it stands for.
    if (digits_alone(words.verb)) return {.verb = "show", .number = words.verb, .rest = std::string(text)};
    if (words.verb.empty()) words.verb = "list";
    words.number = without_marks(next_word(text));
    words.rest = text;
    return words;
}

bool takes_long(const CommandWords& words) {
    // The other side of a link is asked before this one is answered.
    return words.verb == "confirm" || (words.verb == "link" && !words.number.empty());
}

AwayWords read_away(std::string_view text, core::Instant now) {
    auto first = lower_ascii(next_word(text));
    if (first.empty()) return {.kind = AwayWords::Kind::status, .until = {}, .instead = {}, .problem = {}};
    if ((first == "off" || first == "back") && text.empty())
        return {.kind = AwayWords::Kind::back, .until = now, .instead = {}, .problem = {}};
    std::string word{first == "until" ? without_marks(next_word(text)) : without_marks(first)};
    const auto shown = visible(clip_utf8(word, 60));
    if (word.empty()) return unclear("The day is missing.");
    if (!looks_like_a_day(word))
        return unclear(fmt::format("\"{}\" is no day as it is written here, like {}.", shown,
                                   core::rfc3339(now + std::chrono::days{7}).substr(0, day_chars)));
    auto day = core::parse_rfc3339(word + "T00:00:00Z");
    if (!day) return unclear(fmt::format("There is no {} in the calendar.", shown));
    if (*day <= now)
        return unclear(
            fmt::format("{} is not ahead: it is {} (UTC).", shown, core::rfc3339(now).substr(0, day_chars)));
    if (*day > now + away_max) return unclear(fmt::format("{} is more than a year ahead.", shown));
    std::string instead{next_word(text)};
    if (!text.empty())
        return unclear(fmt::format("What follows {} is too much.", visible(clip_utf8(instead, 60))));
    return {.kind = AwayWords::Kind::until, .until = *day, .instead = std::move(instead), .problem = {}};
}

std::string not_recorded_sentence(const Failure& failure) {
    switch (failure.trouble) {
        case Trouble::not_found:
            return "This request is not known here. Nothing was recorded.";
        case Trouble::timed_out:
        case Trouble::cancelled:
            return "It is not known yet whether your vote was recorded. The card tells the truth; if it does "
                   "not show your vote in a minute, vote again.";
        case Trouble::corrupt:
            return "Your vote was NOT recorded: the stored request is damaged and set aside. Tell your "
                   "administrator.";
        default:
            return "Your vote was NOT recorded: the approval service is in trouble right now. Try again.";
    }
}

std::string vote_sentence(core::Verdict verdict, const Result<Answer>& answer, bool late) {
    auto sentence = !answer           ? not_recorded_sentence(answer.error())
                    : answer->refusal ? answer->refusal->sentence
                                      : core::recorded_sentence(verdict, answer->now->c, answer->now->ruling);
    bool recorded = answer && !answer->refusal;
    return recorded && late ? "It took long, but: " + sentence : sentence;
}

std::string unread_sentence(const Failure& failure) {
    const bool answer = failure.trouble == Trouble::not_found || failure.trouble == Trouble::forbidden;
    return answer ? failure.detail : "This cannot be shown right now. Try again.";
}

Reply unread(const Failure& failure) {
    Reply reply{Lines{.text = {unread_sentence(failure)}, .title = "Not shown"}};
    reply.of_no_request = failure.trouble == Trouble::not_found;
    return reply;
}

std::string not_found_sentence(const Failure& failure) {
    if (failure.trouble == Trouble::not_found || failure.trouble == Trouble::invalid_input ||
        failure.trouble == Trouble::forbidden)
        return failure.detail;
    return "The approval service is in trouble right now. Try again.";
}

}  // namespace countersign::app
