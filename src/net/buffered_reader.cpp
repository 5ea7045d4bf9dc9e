#include "net/buffered_reader.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "countersign/rt/wake.hpp"

namespace countersign::net {

struct BufferedReader::State {
    explicit State(ByteStream& given) : stream(&given), arrival(given.get_executor()) {}

    void make_room(std::size_t room) {
        if (begin == end) begin = end = 0;
        if (capacity - end >= room) return;
        std::size_t held = end - begin;
        if (capacity < held + room) {
            auto grown = std::make_unique_for_overwrite<char[]>(held + room);
            if (held > 0) std::memcpy(grown.get(), data.get() + begin, held);
            data = std::move(grown);
            capacity = held + room;
        } else {
            std::memmove(data.get(), data.get() + begin, held);
        }
        begin = 0;
        end = held;
    }

    ByteStream* stream;  // null once the owner has gone
    std::unique_ptr<char[]> data;
    std::size_t capacity = 0, begin = 0, end = 0;
    bool reading = false;
    bool ended = false;
    error_code error;
    rt::Wake arrival;
    std::function<void()> notify;
};

BufferedReader::BufferedReader(ByteStream& stream) : state_(std::make_shared<State>(stream)) {}

BufferedReader::~BufferedReader() {
    state_->stream = nullptr;
    state_->notify = nullptr;
}

std::string_view BufferedReader::bytes() const {
    return {state_->data.get() + state_->begin, state_->end - state_->begin};
}
void BufferedReader::consume(std::size_t count) {
    state_->begin += count;
}
bool BufferedReader::ended() const {
    return state_->ended;
}
error_code BufferedReader::error() const {
    return state_->error;
}
bool BufferedReader::reading() const {
    return state_->reading;
}
void BufferedReader::on_idle_read(std::function<void()> notify) {
    state_->notify = std::move(notify);
}

void BufferedReader::start(std::size_t room) {
    State& s = *state_;
    if (s.reading || s.ended) return;
    s.make_room(room);
    s.reading = true;
    auto completed = [state = state_](error_code ec, std::size_t count) {
        state->reading = false;
        state->end += count;
        if (ec) {
            state->error = ec;
            state->ended = ec != asio::error::operation_aborted;
        }
        if (state->arrival.waiting()) {
            state->arrival.wake_now(ec);
        } else if (state->notify) {
            auto notify = state->notify;  // a copy, because the call may replace it
            notify();
        }
    };
    s.stream->async_read_some(asio::mutable_buffer{s.data.get() + s.end, s.capacity - s.end},
                              std::move(completed));
}

rt::asio::awaitable<error_code> BufferedReader::more(std::size_t room) {
    State& s = *state_;
    if (s.ended) co_return s.error;
    start(room);
    // `s` stays alive without shared ownership: the stream's read keeps the state while this coroutine waits
    // in it.
    auto ec = co_await s.arrival.wait();
    co_return ec;
}

void BufferedReader::shrink() {
    State& s = *state_;
    if (s.reading || s.begin != s.end) return;
    s.data.reset();
    s.capacity = s.begin = s.end = 0;
}

rt::asio::awaitable<error_code> write_all(ByteStream& stream, std::string_view first, std::string_view second,
                                          std::size_t* written) {
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    while (!first.empty() || !second.empty()) {
        std::array<asio::const_buffer, 2> pieces{asio::buffer(first), asio::buffer(second)};
        std::size_t count = co_await stream.async_write_some(pieces, token);
        if (written != nullptr) *written += count;
        if (ec) co_return ec;
        std::size_t of_first = std::min(count, first.size());
        first.remove_prefix(of_first);
        second.remove_prefix(count - of_first);
    }
    co_return error_code{};
}

}  // namespace countersign::net
