#include "app/conversation_lowered.hpp"

#include <fmt/format.h>

#include <utility>

#include "app/conversation_shown.hpp"
#include "app/conversation_words.hpp"
#include "countersign/base/text.hpp"

// What people type to have less done than was asked for.
namespace countersign::app {

using core::Verdict;
using rt::asio::awaitable;

namespace {

std::optional<double> number_in(std::string_view text) {
    // People put blanks or underlines between thousands; a sign is never right here.
    std::string plain;
    for (char c : trim(text))
        if (c != '_' && c != ' ') plain.push_back(c);
    if (plain.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
    return core::unrounded(plain);
}

std::unexpected<Failure> no_number(std::string_view text) {
    return fail(Trouble::invalid_input, fmt::format("\"{}\" is no number; write it like 1000 or 12.5.",
                                                    visible(clip_utf8(text, 40))));
}

}  // namespace

Result<std::vector<core::Lowered>> typed_numbers(const core::Case& c, const std::vector<std::string>& typed) {
    const auto may = core::lowerable(c.request, c.applied);
    std::vector<core::Lowered> numbers;
    for (std::size_t i = 0; i < typed.size() && i < may.size(); ++i) {
        if (trim(typed[i]).empty()) continue;
        auto number = number_in(typed[i]);
        if (!number) return no_number(typed[i]);
        if (*number != may[i].now) numbers.push_back({may[i].field, *number});
    }
    if (numbers.empty())
        return fail(Trouble::invalid_input, "Put in a number below the one that was asked for.");
    return numbers;
}

Result<WordedLowering> read_lowering(const core::Case& c, std::string_view words) {
    WordedLowering lowering;
    for (words = trim(words); !words.empty(); words = trim(words)) {
        const auto word = words.substr(0, words.find_first_of(" \n\t"));
        const auto equals = word.find('=');
        if (equals == std::string_view::npos || equals == 0) break;
        words.remove_prefix(word.size());
        auto number = number_in(word.substr(equals + 1));
        if (!number) return no_number(word.substr(equals + 1));
        std::string field{word.substr(0, equals)};
        for (const core::Lowerable& one : core::lowerable(c.request, c.applied))
            if (one.field == "parameters." + field) field = one.field;
        lowering.numbers.push_back({std::move(field), *number});
    }
    lowering.reason = trim(words);
    if (lowering.numbers.empty())
        return fail(Trouble::invalid_input, "Say what to lower, and to what: lower 1042 rows=1000");
    return lowering;
}

awaitable<bool> Conversation::saw_all(core::RequestId request, CardExtent shown, core::Instant until) {
    if (shown != CardExtent::unknown) co_return shown == CardExtent::whole;
    auto now = co_await stored(request, Deadline{until});
    co_return now&& manner_.shows_everything(card_of(**now));
}

// Nobody was shown anything, so that what takes the request's place is approved with its own card.
awaitable<Reply> Conversation::lower_by_command(Act act, CasePtr now, std::string words) {
    auto lowering = read_lowering(now->c, words);
    if (!lowering) co_return told(lowering.error().detail);
    auto outcome = co_await vote(act, now->c.request->id, Verdict::lower, std::move(lowering->reason),
                                 {.numbers = std::move(lowering->numbers), .saw_all = false});
    co_return told(vote_sentence(Verdict::lower, outcome.answer, outcome.late), outcome.late);
}

}  // namespace countersign::app
