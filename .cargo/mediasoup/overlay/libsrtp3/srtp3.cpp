// libsrtp 3's interface on libsrtp 2.5, and the seam by which a test makes a worker thread fail.
#define RINGCAST_SRTP3_IMPLEMENTATION
#include "srtp.h"

#include <atomic>
#include <cstring>
#include <new>
#include <openssl/crypto.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <unistd.h>

// The Linux thread id of the worker that shall fail at its next SRTP packet; 0: none. Only tests write to it.
extern "C" std::atomic<std::int32_t> ringcast_fault_thread{ 0 };
static_assert(sizeof(ringcast_fault_thread) == sizeof(std::int32_t), "read as a plain 32-bit atomic from Rust");

namespace {

// A failed assertion of the worker is this exception too: it ends the worker's thread, not the process.
void fail_if_told() {
  const auto thread = ringcast_fault_thread.load(std::memory_order_relaxed);
  if (thread == 0 || thread != static_cast<std::int32_t>(syscall(SYS_gettid))) {
    return;
  }
  ringcast_fault_thread.store(0);
  throw std::runtime_error("fault injected by a test");
}

using in_place_operation = srtp_err_status_t (*)(srtp_t, void*, int*);

// libsrtp 2 works in place and may write `growth` octets past the packet.
srtp_err_status_t run(
  in_place_operation operation, srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out,
  std::size_t* out_length, std::size_t growth) {
  fail_if_told();
  if (*out_length < in_length + growth) {
    return srtp_err_status_buffer_small;
  }
  if (in != out) {
    std::memmove(out, in, in_length);
  }
  auto length       = static_cast<int>(in_length);
  const auto status = operation(session, out, &length);
  if (status == srtp_err_status_ok) {
    *out_length = static_cast<std::size_t>(length);
  }
  return status;
}

constexpr std::size_t rtp_growth  = SRTP_MAX_TRAILER_LEN;
constexpr std::size_t rtcp_growth = SRTP_MAX_TRAILER_LEN + sizeof(std::uint32_t);

} // namespace

struct srtp3_policy {
  srtp_policy_t inner{};
  std::uint8_t key[SRTP_MAX_KEY_LEN]{};

  ~srtp3_policy() { OPENSSL_cleanse(this->key, sizeof(this->key)); }
};

srtp_err_status_t srtp_policy_create(srtp3_policy_t* policy) {
  *policy = new (std::nothrow) srtp3_policy;
  return *policy ? srtp_err_status_ok : srtp_err_status_alloc_fail;
}

void srtp_policy_destroy(srtp3_policy_t policy) { delete policy; }

srtp_err_status_t srtp_policy_set_ssrc(srtp3_policy_t policy, srtp_ssrc_t ssrc) {
  policy->inner.ssrc = ssrc;
  return srtp_err_status_ok;
}

srtp_err_status_t srtp_policy_set_profile(srtp3_policy_t policy, srtp_profile_t profile) {
  const auto status = srtp_crypto_policy_set_from_profile_for_rtp(&policy->inner.rtp, profile);
  return status == srtp_err_status_ok
           ? srtp_crypto_policy_set_from_profile_for_rtcp(&policy->inner.rtcp, profile)
           : status;
}

srtp_err_status_t srtp_policy_add_key(
  srtp3_policy_t policy, const std::uint8_t* key, std::size_t key_length, const std::uint8_t* salt,
  std::size_t salt_length, const std::uint8_t* /*mki*/, std::size_t mki_length) {
  if (mki_length != 0 || key_length > sizeof(policy->key) || salt_length > sizeof(policy->key) - key_length) {
    return srtp_err_status_bad_param;
  }
  std::memcpy(policy->key, key, key_length);
  std::memcpy(policy->key + key_length, salt, salt_length);
  policy->inner.key = policy->key;
  return srtp_err_status_ok;
}

srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp3_policy_t policy, bool allow) {
  policy->inner.allow_repeat_tx = allow;
  return srtp_err_status_ok;
}

srtp_err_status_t srtp_policy_set_window_size(srtp3_policy_t policy, std::size_t size) {
  policy->inner.window_size = size;
  return srtp_err_status_ok;
}

srtp_err_status_t srtp_create(srtp_t* session, srtp3_policy_t policy) { return srtp_create(session, &policy->inner); }

srtp_err_status_t srtp_protect(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length,
  std::size_t /*mki_index*/) {
  return run(srtp_protect, session, in, in_length, out, out_length, rtp_growth);
}

srtp_err_status_t srtp_unprotect(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length) {
  return run(srtp_unprotect, session, in, in_length, out, out_length, 0);
}

srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length,
  std::size_t /*mki_index*/) {
  return run(srtp_protect_rtcp, session, in, in_length, out, out_length, rtcp_growth);
}

srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const std::uint8_t* in, std::size_t in_length, std::uint8_t* out, std::size_t* out_length) {
  return run(srtp_unprotect_rtcp, session, in, in_length, out, out_length, 0);
}
