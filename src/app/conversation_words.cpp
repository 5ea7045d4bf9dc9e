#include "app/conversation_words.hpp"

#include <algorithm>

#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

std::string_view next_word(std::string_view& text) {
    text = trim(text);
    auto end = std::min(text.find_first_of(" \t\n"), text.size());
    auto word = text.substr(0, end);
    text = trim(text.substr(end));
    return word;
}

}  // namespace

CommandWords read_command(std::string_view text) {
    CommandWords words;
    words.verb = lower_ascii(next_word(text));
    if (words.verb.empty()) words.verb = "list";
    auto number = next_word(text);
    if (number.starts_with('#')) number.remove_prefix(1);
    words.number = number;
    words.rest = trim(text);
    return words;
}

bool takes_long(const CommandWords& words) {
    // The other side of a link is asked before this one is answered.
    return words.verb == "confirm" || (words.verb == "link" && !words.number.empty());
}

AwayWords read_away(std::string_view text, core::Instant now) {
    constexpr std::size_t day_chars = 10;
    auto words = split(trim(text), ' ');
    std::erase(words, std::string{});
    if (words.empty()) return {AwayWords::Kind::status, {}, {}};
    if (words.size() == 1 && (words[0] == "off" || words[0] == "back"))
        return {AwayWords::Kind::back, now, {}};
    if (words[0] == "until") words.erase(words.begin());
    if (words.empty() || words.size() > 2 || words[0].size() != day_chars) return {};
    auto day = core::parse_rfc3339(words[0] + "T00:00:00Z");
    if (!day || *day <= now || *day > now + away_max) return {};
    return {AwayWords::Kind::until, *day, words.size() == 2 ? words[1] : std::string{}};
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
