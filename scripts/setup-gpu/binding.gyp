# What `npm run setup:gpu` builds in its staging folder: the addon of @tensorflow/tfjs-node-gpu against the libraries of
# TensorFlow's wheel (its own binding.gyp wants those of a release from 2022), kernels of our own,
# and the helper that keeps loading quiet.
{
  'targets': [
    {
      'target_name': 'tfjs_binding',
      'sources': [
        '../node_modules/@tensorflow/tfjs-node-gpu/binding/tfjs_backend.cc',
        '../node_modules/@tensorflow/tfjs-node-gpu/binding/tfjs_binding.cc',
      ],
      'include_dirs': ['../node_modules/@tensorflow/tfjs-node-gpu', '../site/tensorflow/include'],
      'defines': ['NAPI_VERSION=8'],
      'libraries': [
        '-l:libtensorflow_cc.so.2',
        '-l:libtensorflow_framework.so.2',
        # from <folder>/node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8 to <folder>/site/tensorflow
        '-Wl,-rpath,\$$ORIGIN/../../../../../site/tensorflow',
      ],
      'library_dirs': ['../site/tensorflow'],
    },
    {
      'target_name': 'kernels',
      'sources': ['kernels.cc'],
      'include_dirs': ['../site/tensorflow/include'],
      'defines': ['NAPI_VERSION=8'],
      # sums may be reordered, so that they use the CPU's wide registers; NaN and infinity stay what they are
      'cflags': ['-O3', '-fno-math-errno', '-fno-trapping-math', '-fno-signed-zeros', '-fassociative-math'],
      # never unloaded with the thread that loaded it: TensorFlow keeps what it registered
      'libraries': [
        '-l:libtensorflow_framework.so.2',
        '-Wl,-rpath,\$$ORIGIN/../../../../../site/tensorflow',
        '-Wl,-z,nodelete',
      ],
      'library_dirs': ['../site/tensorflow'],
    },
    {
      'target_name': 'surroundings',
      'sources': ['surroundings.c'],
      'defines': ['NAPI_VERSION=8'],
    },
  ],
}
