#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "countersign/base/result.hpp"
#include "countersign/core/time.hpp"

namespace countersign::rt {

namespace asio = boost::asio;
using boost::system::error_code;

template <class T>
using Later = asio::awaitable<Result<T>>;

// Says until when an answer is of use to whoever asked. Every port takes one and passes it down.
struct Deadline {
    core::Instant at;
};

}  // namespace countersign::rt

namespace countersign {
using rt::Deadline;
using rt::Later;
}  // namespace countersign
