'use client';
import { useEffect } from 'react';

export default function Page() {
  useEffect(() => void import('./browser-page.js'), []);
  return <input type="file" multiple />;
}
