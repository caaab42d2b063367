// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
extern "C" __global__ void vadd(const float*a,const float*b,float*c,int n){int i=blockIdx.x*blockDim.x+threadIdx.x; if(i<n) c[i]=a[i]+b[i];}
extern "C" __global__ void reduce(const float*a,float*out,int n){
  __shared__ float s[32]; float v=0; for(int i=blockIdx.x*blockDim.x+threadIdx.x;i<n;i+=gridDim.x*blockDim.x) v+=a[i];
  for(int o=16;o;o>>=1) v+=__shfl_xor_sync(0xffffffff,v,o);
  if((threadIdx.x&31)==0) s[threadIdx.x>>5]=v; __syncthreads();
  if(threadIdx.x<32){ v= threadIdx.x<(blockDim.x>>5)?s[threadIdx.x]:0; for(int o=16;o;o>>=1) v+=__shfl_down_sync(0xffffffff,v,o); if(threadIdx.x==0) atomicAdd(out,v);} }
#define BM 128
#define BN 128
#define BK 8
extern "C" __global__ void __launch_bounds__(256) sgemm(const float*A,const float*B,float*C,int M,int N,int K){
  __shared__ float As[BK][BM], Bs[BK][BN];
  int tid=threadIdx.x, tx=tid%16, ty=tid/16; float acc[8][8]={};
  int bm=blockIdx.y*BM, bn=blockIdx.x*BN;
  for(int k0=0;k0<K;k0+=BK){
    int r=tid/2, c=(tid%2)*4; float4 v=*(const float4*)&A[(bm+r)*K+k0+c]; As[c][r]=v.x;As[c+1][r]=v.y;As[c+2][r]=v.z;As[c+3][r]=v.w;
    int br=tid/32, bc=(tid%32)*4; *(float4*)&Bs[br][bc]=*(const float4*)&B[(k0+br)*N+bn+bc];
    __syncthreads();
    #pragma unroll
    for(int k=0;k<BK;k++){ float a[8],b[8];
      #pragma unroll
      for(int i=0;i<8;i+=4){ *(float4*)&a[i]=*(float4*)&As[k][ty*8+i]; *(float4*)&b[i]=*(float4*)&Bs[k][tx*8+i];}
      #pragma unroll
      for(int i=0;i<8;i++)
      #pragma unroll
      for(int j=0;j<8;j++) acc[i][j]=fmaf(a[i],b[j],acc[i][j]); }
    __syncthreads(); }
  for(int i=0;i<8;i++) for(int j=0;j<8;j++) C[(bm+ty*8+i)*N+bn+tx*8+j]=acc[i][j];
}
extern "C" __global__ void mixed(const int*in,int*out,int n){
  int i=blockIdx.x*blockDim.x+threadIdx.x; int v=in[i]; unsigned h=v; float f=v;
  for(int k=0;k<n;k++){ h=h*1664525u+1013904223u; f=f*0.5f+(float)(h>>16); if(h&1) v+=h>>7; else v^=h; v = v<0? -v: v; f = fminf(f, 1000.f);}
  out[i]=v+(int)f; }
__device__ __noinline__ int fib(int n){ return n<2?n:fib(n-1)+fib(n-2);} 
extern "C" __global__ void fibk(int*out){ out[threadIdx.x]=fib(threadIdx.x%12);} 
extern "C" __global__ void localk(int*out,int s){ int a[16]; for(int i=0;i<16;i++)a[i]=i*s; int t=threadIdx.x; int r=0; for(int i=0;i<16;i++) r+=a[(i*t)&15]; out[t]=r; }
