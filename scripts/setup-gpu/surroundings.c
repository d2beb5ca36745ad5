/**
 * Two things that loading TensorFlow needs and Node cannot do:
 *   quiet(fn)             runs fn with standard error closed to C: some lines are printed before TensorFlow reads its log level
 *   setVariable(name, v)  sets (v: string) or removes (v: null) a variable where C code sees it, from a worker thread too
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <node_api.h>
#include <stdlib.h>
#include <unistd.h>

static napi_value quiet(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value function, undefined, result = NULL;
  napi_get_cb_info(env, info, &count, &function, NULL, NULL);
  napi_get_undefined(env, &undefined);
  int kept = dup(2);
  int nowhere = open("/dev/null", O_WRONLY);
  if (kept >= 0 && nowhere >= 0) dup2(nowhere, 2);
  napi_call_function(env, undefined, function, 0, NULL, &result); /* what it throws stays pending */
  if (kept >= 0 && nowhere >= 0) dup2(kept, 2);
  if (nowhere >= 0) close(nowhere);
  if (kept >= 0) close(kept);
  return result;
}

static napi_value set_variable(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  char name[256], value[4096];
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (napi_get_value_string_utf8(env, arguments[0], name, sizeof name, NULL) != napi_ok) return NULL;
  if (napi_get_value_string_utf8(env, arguments[1], value, sizeof value, NULL) == napi_ok)
    setenv(name, value, 1);
  else
    unsetenv(name);
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "quiet", NAPI_AUTO_LENGTH, quiet, NULL, &function);
  napi_set_named_property(env, exports, "quiet", function);
  napi_create_function(env, "setVariable", NAPI_AUTO_LENGTH, set_variable, NULL, &function);
  napi_set_named_property(env, exports, "setVariable", function);
  return exports;
}
