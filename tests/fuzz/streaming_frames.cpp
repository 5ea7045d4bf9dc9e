// Frames of the Bot Framework's streaming extensions, as bytes: cut anywhere, they come out the same, within
// their limits; and what comes out goes in again.
#include <algorithm>
#include <cstdint>

#include "countersign/base/check.hpp"
#include "countersign/wire/streaming.hpp"

using namespace countersign;

namespace {

constexpr std::size_t body_max = 2'000;

struct Outcome {
    bool fed = true;
    std::vector<wire::StreamingMessage> messages;
};

Outcome read(std::string_view bytes, std::size_t piece) {
    wire::StreamingReader reader{body_max};
    Outcome outcome;
    while (!bytes.empty() && outcome.fed) {
        auto part = bytes.substr(0, piece);
        outcome.fed = reader.feed(part, core::Instant{}).has_value();
        bytes.remove_prefix(part.size());
    }
    reader.give_up(core::Instant{} + std::chrono::hours{1});
    while (auto one = reader.next()) outcome.messages.push_back(std::move(*one));
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes{reinterpret_cast<const char*>(data), size};
    auto whole = read(bytes, size + 1);
    auto pieces = read(bytes, 1 + size % 61);
    COUNTERSIGN_CHECK(whole.fed == pieces.fed);
    COUNTERSIGN_CHECK(whole.messages.size() == pieces.messages.size());
    for (std::size_t at = 0; at < whole.messages.size(); ++at) {
        const auto& one = whole.messages[at];
        COUNTERSIGN_CHECK(one.id == pieces.messages[at].id && one.body == pieces.messages[at].body);
        COUNTERSIGN_CHECK(one.body.size() <= body_max);
        if (one.problem != wire::StreamingMessage::Problem::none || one.body.empty()) continue;
        std::string again;
        for (const auto& frame : wire::streaming_frames(one, "00112233-4455-4677-8899-aabbccddeeff"))
            again += frame;
        auto back = read(again, again.size());
        COUNTERSIGN_CHECK(back.fed && back.messages.size() == 1);
    }
    return 0;
}
