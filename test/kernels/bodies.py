# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Reference bodies as text, for kernels whose numbers the tests compare: reductions, softmax, arg max,
# running sums, scatters, and one elementary function a kernel.
def head(name,ins,outs,nsizes,family):
    a=', '.join('%%x%d: tensor<?x%s>'%(i,t) for i,t in enumerate(ins))
    o=', '.join('%%y%d: tensor<?x%s>'%(i,t) for i,t in enumerate(outs))
    s=', '.join('%%s%d: index'%i for i in range(nsizes))
    return 'kernel.func @%s(%s) outs(%s) sizes(%s) attributes {family = "%s"} {\n  %%c0 = arith.constant 0 : index\n  %%c1 = arith.constant 1 : index\n'%(name,a,o,s,family)
M2='affine_map<(i, j) -> (i, j)>'; M1='affine_map<(i, j) -> (i)>'; MC='affine_map<(i, j) -> (j)>'
def view2(r,b,st0='%s1',st1='%c1',t='f32',sz='%s0, %s1'):
    return '  %s = kernel.strided_view %s offset(%%c0) sizes(%s) strides(%s, %s) : tensor<?x%s> -> tensor<?x?x%s>\n'%(r,b,sz,st0,st1,t,t)
def view1(r,b,t='f32',sz='%s0'):
    return '  %s = kernel.strided_view %s offset(%%c0) sizes(%s) strides(%%c1) : tensor<?x%s> -> tensor<?x%s>\n'%(r,b,sz,t,t)
def reduce(r,x,op,init,t='f32'):
    return '''  %%e_%(r)s = tensor.empty(%%s0) : tensor<?x%(t)s>
  %%i_%(r)s = arith.constant %(init)s : %(t)s
  %%f_%(r)s = linalg.fill ins(%%i_%(r)s : %(t)s) outs(%%e_%(r)s : tensor<?x%(t)s>) -> tensor<?x%(t)s>
  %%%(r)s = linalg.generic {indexing_maps = [%(M2)s, %(M1)s], iterator_types = ["parallel", "reduction"]} ins(%%%(x)s : tensor<?x?x%(t)s>) outs(%%f_%(r)s : tensor<?x%(t)s>) {
  ^bb0(%%a: %(t)s, %%b: %(t)s):
    %%c = %(op)s %%b, %%a : %(t)s
    linalg.yield %%c : %(t)s
  } -> tensor<?x%(t)s>
'''%dict(r=r,x=x,op=op,init=init,t=t,M2=M2,M1=M1)
def map2(r,ins,body,t='f32',out=None):
    # ins: list of (name, map, type)
    out=out or t
    full={M2:'tensor<?x?x%s>',M1:'tensor<?x%s>',MC:'tensor<?x%s>'}
    args=', '.join('%%a%d: %s'%(i,x[2]) for i,x in enumerate(ins))
    return '''  %%e_%s = tensor.empty(%%s0, %%s1) : tensor<?x?x%s>
  %%%s = linalg.generic {indexing_maps = [%s, %s], iterator_types = ["parallel", "parallel"]} ins(%s : %s) outs(%%e_%s : tensor<?x?x%s>) {
  ^bb0(%s, %%o: %s):
%s
    linalg.yield %%r : %s
  } -> tensor<?x?x%s>
'''%(r,out,r,', '.join(x[1] for x in ins),M2,', '.join('%'+x[0] for x in ins),', '.join(full[x[1]]%x[2] for x in ins),r,out,args,out,body,out,out)
SOFTMAX=head('softmax',['f32'],['f32'],2,'reduce')+view2('%x','%x0')+reduce('m','x','arith.maximumf','0xFF800000')+map2('cen',[('x',M2,'f32'),('m',M1,'f32')],'    %r = arith.subf %a0, %a1 : f32')+map2('e',[('cen',M2,'f32')],'    %r = math.exp %a0 : f32')+reduce('s','e','arith.addf','0.0')+map2('q',[('e',M2,'f32'),('s',M1,'f32')],'    %r = arith.divf %a0, %a1 : f32')+view2('%y','%y0')+'  kernel.write %q, %y : tensor<?x?xf32>, tensor<?x?xf32>\n  kernel.end\n}\n'
SUM=head('sum',['f32'],['f32'],2,'reduce')+view2('%x','%x0')+reduce('s','x','arith.addf','0.0')+view1('%y','%y0')+'  kernel.write %s, %y : tensor<?xf32>, tensor<?xf32>\n  kernel.end\n}\n'
SQ=head('sumsq',['f32'],['f32'],2,'reduce')+view2('%x','%x0')+map2('q',[('x',M2,'f32')],'    %r = math.fma %a0, %a0, %a0 : f32')+reduce('s','q','arith.addf','0.0')+view1('%y','%y0')+'  kernel.write %s, %y : tensor<?xf32>, tensor<?xf32>\n  kernel.end\n}\n'
COL=head('colsum',['f32'],['f32'],2,'reduce')+view2('%x','%x0','%c1','%s0')+reduce('s','x','arith.addf','0.0')+view1('%y','%y0')+'  kernel.write %s, %y : tensor<?xf32>, tensor<?xf32>\n  kernel.end\n}\n'
CENTER=head('center',['f32'],['f32'],2,'reduce')+view2('%x','%x0')+reduce('s','x','arith.addf','0.0')+'''  %e_h = tensor.empty(%s0) : tensor<?xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%s : tensor<?xf32>) outs(%e_h : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = arith.index_castui %s1 : index to i32
    %n = arith.uitofp %i : i32 to f32
    %r = arith.divf %a, %n : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
'''+map2('q',[('x',M2,'f32'),('h',M1,'f32')],'    %r = arith.subf %a0, %a1 : f32')+map2('p',[('q',M2,'f32')],'    %r = arith.mulf %a0, %a0 : f32')+reduce('v','p','arith.addf','0.0')+map2('w',[('q',M2,'f32'),('v',M1,'f32'),('h',M1,'f32')],'    %t = arith.addf %a0, %a1 : f32\n    %r = arith.addf %t, %a2 : f32')+view2('%y','%y0')+'  kernel.write %w, %y : tensor<?x?xf32>, tensor<?x?xf32>\n  kernel.end\n}\n'
ARG=head('argmax',['f32'],['i64'],2,'reduce')+view2('%x','%x0')+'''  %pos = kernel.computed_view sizes(%s0, %s1) {
  ^bb0(%i: index, %j: index):
    %p = arith.index_cast %j : index to i64
    kernel.yield %p : i64
  } : tensor<?x?xi64>
  %ev = tensor.empty(%s0) : tensor<?xf32>
  %ei = tensor.empty(%s0) : tensor<?xi64>
  %worst = arith.constant 0xFF800000 : f32
  %none = arith.constant 9223372036854775807 : i64
  %fv = linalg.fill ins(%worst : f32) outs(%ev : tensor<?xf32>) -> tensor<?xf32>
  %fi = linalg.fill ins(%none : i64) outs(%ei : tensor<?xi64>) -> tensor<?xi64>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x, %pos : tensor<?x?xf32>, tensor<?x?xi64>) outs(%fv, %fi : tensor<?xf32>, tensor<?xi64>) {
  ^bb0(%a: f32, %ai: i64, %b: f32, %bi: i64):
    %gt = arith.cmpf ogt, %b, %a : f32
    %eq = arith.cmpf oeq, %b, %a : f32
    %lt = arith.cmpi slt, %bi, %ai : i64
    %tie = arith.andi %eq, %lt : i1
    %take = arith.ori %gt, %tie : i1
    %v = arith.select %take, %b, %a : f32
    %w = arith.select %take, %bi, %ai : i64
    linalg.yield %v, %w : f32, i64
  } -> (tensor<?xf32>, tensor<?xi64>)
'''+view1('%y','%y0','i64')+'  kernel.write %r#1, %y : tensor<?xi64>, tensor<?xi64>\n  kernel.end\n}\n'
SCAN=head('cumsum',['f32'],['f32'],2,'serial')+view2('%x','%x0')+'''  %zero = arith.constant 0.0 : f32
  %r = kernel.scan ins(%x : tensor<?x?xf32>) init(%zero : f32) dim = 1 {
  ^bb0(%e: f32, %sum: f32):
    %s = arith.addf %sum, %e : f32
    kernel.yield %s, %s : f32, f32
  } -> tensor<?x?xf32>
'''+view2('%y','%y0')+'  kernel.write %r, %y : tensor<?x?xf32>, tensor<?x?xf32>\n  kernel.end\n}\n'
SCAT=head('scatter',['f32','i64'],['f32'],2,'serial')+view2('%x','%x0')+'''  kernel.scatter %x, %y0 at [] sizes(%s0, %s1) {
  ^bb0(%i: index, %j: index):
    %o = arith.muli %i, %s1 : index
    %l = arith.addi %o, %j : index
    %k = kernel.read %x1[%l] : tensor<?xi64>
    %ki = arith.index_cast %k : i64 to index
    %p = arith.addi %o, %ki : index
    %ok = arith.cmpi slt, %ki, %s1 : index
    kernel.yield %p, %ok : index, i1
  } combine {
  ^bb0(%old: f32, %new: f32):
    %s = arith.addf %old, %new : f32
    kernel.yield %s : f32
  } : tensor<?x?xf32>, tensor<?xf32>
  kernel.end
}
'''


def function(name, op, element, operands=1):
    """A pointwise kernel z = op(x[, y])."""
    names = "xy"[:operands]
    views = "".join(f"  %v{n} = kernel.strided_view %{n} offset(%c0) sizes(%n) strides(%c1) : tensor<?x{element}> -> tensor<?x{element}>\n"
                    for n in names)
    maps = ", ".join(["affine_map<(i) -> (i)>"] * (operands + 1))
    return f"""kernel.func @{name}({', '.join(f'%{n}: tensor<?x{element}>' for n in names)}) outs(%z: tensor<?x{element}>) sizes(%n: index)
    attributes {{family = "pointwise"}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
{views}  %e = tensor.empty(%n) : tensor<?x{element}>
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      ins({', '.join('%v' + n for n in names)} : {', '.join([f'tensor<?x{element}>'] * operands)}) outs(%e : tensor<?x{element}>) {{
  ^bb0({', '.join(f'%a{n}: {element}' for n in names)}, %o: {element}):
    %s = {op} {', '.join('%a' + n for n in names)} : {element}
    linalg.yield %s : {element}
  }} -> tensor<?x{element}>
  %vz = kernel.strided_view %z offset(%c0) sizes(%n) strides(%c1) : tensor<?x{element}> -> tensor<?x{element}>
  kernel.write %r, %vz : tensor<?x{element}>, tensor<?x{element}>
  kernel.end
}}
"""
