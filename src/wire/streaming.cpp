#include "countersign/wire/streaming.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/json_text.hpp"

namespace countersign::wire {
namespace {

constexpr std::size_t streaming_id_chars = 36;
constexpr std::size_t length_digits = 6;
constexpr std::size_t heads_nesting_max = 16;
constexpr std::string_view streamed_type = "application/json; charset=utf-8";
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::unexpected<Failure> no_frame(std::string_view why) {
    return fail(Trouble::invalid_input, "what came is no frame: " + std::string(why), "streaming_frame");
}

// Lower case; nullopt: no GUID.
std::optional<std::string> guid_of(std::string_view text) {
    if (text.size() != streaming_id_chars) return std::nullopt;
    auto lower = lower_ascii(text);
    for (std::size_t at = 0; at < streaming_id_chars; ++at) {
        const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
        const char c = lower[at];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (dash ? c != '-' : !hex) return std::nullopt;
    }
    return lower;
}

std::string_view without_mark(std::string_view text) {
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    return text;
}

void append_frames(std::vector<std::string>& to, StreamingHeader::Type type, const std::string& id,
                   std::string_view payload) {
    do {
        auto piece = payload.substr(0, streaming_payload_bytes_max);
        payload.remove_prefix(piece.size());
        to.push_back(streaming_header({type, piece.size(), id, payload.empty()}));
        to.emplace_back(piece);
    } while (!payload.empty());
}

}  // namespace

std::string streaming_header(const StreamingHeader& header) {
    return fmt::format("{}.{:06}.{}.{}\n", static_cast<char>(header.type), header.length, header.id,
                       header.last ? '1' : '0');
}

Result<StreamingHeader> read_streaming_header(std::string_view bytes) {
    constexpr std::size_t length_at = 2;
    constexpr std::size_t id_at = 9;
    constexpr std::size_t last_at = 46;
    if (bytes.size() != streaming_header_bytes) return no_frame("a header has 48 bytes");
    const bool parted = bytes[1] == '.' && bytes[8] == '.' && bytes[45] == '.' && bytes[47] == '\n';
    if (!parted) return no_frame("its parts do not stand where they must");
    if (std::string_view("ABSXC").find(bytes[0]) == std::string_view::npos)
        return no_frame("its type is unknown");
    std::size_t length = 0;
    for (char c : bytes.substr(length_at, length_digits)) {
        if (c < '0' || c > '9') return no_frame("its length is no number");
        length = length * 10 + static_cast<std::size_t>(c - '0');
    }
    if (length > streaming_payload_bytes_max) return no_frame("it is longer than 4,096 bytes");
    auto id = guid_of(bytes.substr(id_at, streaming_id_chars));
    if (!id) return no_frame("its id is no GUID");
    const char last = bytes[last_at];
    if (last != '0' && last != '1') return no_frame("its end is neither 0 nor 1");
    return StreamingHeader{static_cast<StreamingHeader::Type>(bytes[0]), length, std::move(*id), last == '1'};
}

std::string streaming_id(std::array<std::byte, 16> random) {
    random[6] = (random[6] & std::byte{0x0F}) | std::byte{0x40};
    random[8] = (random[8] & std::byte{0x3F}) | std::byte{0x80};
    std::string id;
    for (std::size_t at = 0; at < random.size(); ++at) {
        if (at == 4 || at == 6 || at == 8 || at == 10) id += '-';
        id += fmt::format("{:02x}", std::to_integer<unsigned>(random[at]));
    }
    return id;
}

std::vector<std::string> streaming_frames(const StreamingMessage& message, const std::string& body_id) {
    JsonItems streams;
    // The two SDKs look for the type under different names.
    if (!message.body.empty())
        streams.push_back(json_object("contentType", streamed_type, "id", body_id, "length",
                                      message.body.size(), "type", streamed_type));
    const bool asks = message.kind == StreamingMessage::Kind::request;
    auto head =
        asks ? json_object("path", message.path, "streams", std::move(streams).take(), "verb", message.verb)
             : json_object("statusCode", message.status, "streams", std::move(streams).take());
    std::vector<std::string> frames;
    append_frames(frames, asks ? StreamingHeader::Type::request : StreamingHeader::Type::response, message.id,
                  head.text);
    if (!message.body.empty()) append_frames(frames, StreamingHeader::Type::stream, body_id, message.body);
    return frames;
}

// ---- reading

Result<Done> StreamingReader::feed(std::string_view bytes, core::Instant now) {
    pending_ += bytes;
    std::string_view rest = pending_;
    while (rest.size() >= streaming_header_bytes) {
        auto header = read_streaming_header(rest.substr(0, streaming_header_bytes));
        if (!header) return pass(header);
        if (rest.size() < streaming_header_bytes + header->length) break;
        auto taken = take(*header, rest.substr(streaming_header_bytes, header->length), now);
        if (!taken) return taken;
        rest.remove_prefix(streaming_header_bytes + header->length);
    }
    pending_.erase(0, pending_.size() - rest.size());
    return Done{};
}

std::optional<StreamingMessage> StreamingReader::next() {
    if (complete_.empty()) return std::nullopt;
    auto first = std::move(complete_.front());
    complete_.pop_front();
    return first;
}

Result<Done> StreamingReader::take(const StreamingHeader& header, std::string_view payload,
                                   core::Instant now) {
    using Type = StreamingHeader::Type;
    switch (header.type) {
        case Type::request:
        case Type::response:
            return take_head(header, payload, now);
        case Type::stream:
            return take_stream(header, payload, now);
        case Type::cancel_one: {
            early_.erase(header.id);
            auto owner = owners_.find(header.id);
            if (owner == owners_.end()) return Done{};
            owner->second->second.message.problem = StreamingMessage::Problem::malformed;
            finish(owner->second);
            return Done{};
        }
        case Type::cancel_all:
            messages_.clear();
            owners_.clear();
            early_.clear();
            return Done{};
    }
    return Done{};
}

Result<Done> StreamingReader::take_head(const StreamingHeader& header, std::string_view payload,
                                        core::Instant now) {
    auto key = static_cast<char>(header.type) + header.id;
    auto found = messages_.find(key);
    if (found == messages_.end()) {
        if (messages_.size() + early_.size() >= incomplete_max)
            return fail(Trouble::overloaded, "too many messages are begun and not ended", "streaming_full");
        Incomplete begun;
        begun.message.kind = header.type == StreamingHeader::Type::request ? StreamingMessage::Kind::request
                                                                           : StreamingMessage::Kind::response;
        begun.message.id = header.id;
        begun.begun = now;
        found = messages_.emplace(std::move(key), std::move(begun)).first;
    }
    Incomplete& one = found->second;
    if (one.head_done) return no_frame("its id is that of a message under way");
    if (one.head.size() + payload.size() > head_bytes_max) return no_frame("its message's head is too long");
    one.head += payload;
    if (!header.last) return Done{};
    one.head_done = true;
    read_head(one);
    for (Stream& stream : one.streams) {
        if (owners_.contains(stream.id)) one.message.problem = StreamingMessage::Problem::malformed;
    }
    if (one.message.problem != StreamingMessage::Problem::none) {
        finish(found);
        return Done{};
    }
    for (Stream& stream : one.streams) {
        owners_.emplace(stream.id, found);
        const bool is_body = &stream == &one.streams.front();
        if (auto early = early_.find(stream.id); early != early_.end()) {
            add(stream, early->second.stream.bytes, early->second.stream.last_came, is_body);
            early_.erase(early);
        } else {
            add(stream, {}, false, is_body);
        }
    }
    settle(found);
    return Done{};
}

void StreamingReader::read_head(Incomplete& one) {
    one.message.problem = StreamingMessage::Problem::malformed;
    auto head = parse_json(without_mark(one.head),
                           {.bytes_max = head_bytes_max, .nesting_max = heads_nesting_max, .strict = false});
    one.head = {};
    if (!head || !head->members()) return;
    one.message.verb = (*head)["verb"].text();
    one.message.path = (*head)["path"].text();
    constexpr std::int64_t status_max = 999;
    one.message.status =
        static_cast<unsigned>(std::clamp<std::int64_t>((*head)["statusCode"].whole(), 0, status_max));
    if (const auto* streams = (*head)["streams"].items()) {
        if (streams->size() > streams_max) return;
        for (const core::Value& its : *streams) {
            auto id = guid_of(its["id"].text());
            const auto length = its["length"].whole(-1);
            if (!id || std::ranges::find(one.streams, *id, &Stream::id) != one.streams.end()) {
                one.streams.clear();
                return;
            }
            Stream stream;
            stream.id = std::move(*id);
            if (length >= 0) stream.length = static_cast<std::size_t>(length);
            one.streams.push_back(std::move(stream));
        }
    }
    one.message.problem = StreamingMessage::Problem::none;
}

Result<Done> StreamingReader::take_stream(const StreamingHeader& header, std::string_view payload,
                                          core::Instant now) {
    if (auto owner = owners_.find(header.id); owner != owners_.end()) {
        auto one = owner->second;
        auto& streams = one->second.streams;
        auto stream = std::ranges::find(streams, header.id, &Stream::id);
        add(*stream, payload, header.last, stream == streams.begin());
        settle(one);
        return Done{};
    }
    if (auto passed = std::ranges::find(discarded_, header.id); passed != discarded_.end()) {
        if (header.last) discarded_.erase(passed);
        return Done{};
    }
    auto early = early_.find(header.id);
    if (early == early_.end()) {
        if (messages_.size() + early_.size() >= incomplete_max)
            return fail(Trouble::overloaded, "too many streams came before their message", "streaming_full");
        Early begun;
        begun.stream.id = header.id;
        begun.begun = now;
        early = early_.emplace(header.id, std::move(begun)).first;
    }
    auto& stream = early->second.stream;
    if (stream.bytes.size() + payload.size() > body_bytes_max_ + 1)
        return fail(Trouble::overloaded, "a stream without a message is too long", "streaming_full");
    stream.bytes += payload;
    stream.last_came = stream.last_came || header.last;
    return Done{};
}

// Bytes are counted whether or not they are kept: only the body is.
void StreamingReader::add(Stream& stream, std::string_view payload, bool last, bool is_body) const {
    stream.count += payload.size();
    if (is_body && stream.count <= body_bytes_max_) stream.bytes += payload;
    stream.last_came = stream.last_came || last;
    stream.done = stream.last_came || (stream.length && stream.count >= *stream.length);
}

void StreamingReader::settle(Messages::iterator one) {
    auto& [message, head, head_done, streams, begun] = one->second;
    using Problem = StreamingMessage::Problem;
    for (const Stream& stream : streams) {
        const bool long_one = stream.count > body_bytes_max_ || stream.length.value_or(0) > body_bytes_max_;
        const bool other_length = stream.length && (stream.count > *stream.length ||
                                                    (stream.last_came && stream.count < *stream.length));
        if (long_one)
            message.problem = Problem::too_large;
        else if (other_length && message.problem == Problem::none)
            message.problem = Problem::malformed;
    }
    if (message.problem == Problem::none && !std::ranges::all_of(streams, &Stream::done)) return;
    if (!streams.empty() && message.problem == Problem::none)
        message.body = without_mark(streams.front().bytes);
    finish(one);
}

void StreamingReader::finish(Messages::iterator one) {
    for (const Stream& stream : one->second.streams) {
        auto owner = owners_.find(stream.id);
        if (owner == owners_.end() || owner->second != one) continue;
        owners_.erase(owner);
        if (!stream.last_came) discard(stream.id);
    }
    complete_.push_back(std::move(one->second.message));
    messages_.erase(one);
}

void StreamingReader::discard(const std::string& stream_id) {
    if (discarded_.size() >= discarded_max) discarded_.pop_front();
    discarded_.push_back(stream_id);
}

void StreamingReader::give_up(core::Instant begun_before) {
    for (auto one = messages_.begin(); one != messages_.end();) {
        auto after = std::next(one);
        if (one->second.begun < begun_before) {
            one->second.message.problem = StreamingMessage::Problem::overdue;
            finish(one);
        }
        one = after;
    }
    for (auto early = early_.begin(); early != early_.end();) {
        if (early->second.begun >= begun_before) {
            ++early;
            continue;
        }
        discard(early->first);
        early = early_.erase(early);
    }
}

}  // namespace countersign::wire
